package adapter

import (
	"context"
	"sync"

	"github.com/backplane-go/backplane"
)

// Adapter is a server's adapter in a cluster. Memory keeps the rooms of the server's own sockets. Calls for the
// sockets of all servers go to the namespace, which calls Memory for the sockets of this server.
type Adapter struct {
	*Memory
	namespace *backplane.Namespace
	report    func(error)    // receives the errors that these methods cannot return
	asking    sync.WaitGroup // requests that wait for answers
}

// New opens a namespace for the sockets of own.
func New(
	ctx context.Context, cluster *backplane.Cluster, name string, own *Memory, report func(error),
) (*Adapter, error) {
	namespace, err := cluster.Namespace(ctx, name, local{own})
	if err != nil {
		return nil, err
	}
	return &Adapter{Memory: own, namespace: namespace, report: report}, nil
}

// Close leaves the cluster's namespace. Pending requests end.
func (a *Adapter) Close() {
	a.failed(a.namespace.Close(context.Background()))
	a.asking.Wait()
}

func (a *Adapter) failed(err error) {
	if err != nil {
		a.report(err)
	}
}

// target returns the sockets that o selects, on all servers.
func (a *Adapter) target(o Options) backplane.Target {
	t := a.namespace.Except(o.Except...)
	if o.Timeout > 0 {
		t = t.Timeout(o.Timeout)
	}
	if len(o.Rooms) > 0 { // without rooms, Options select all sockets, but To selects none
		t = t.To(o.Rooms...)
	}
	if o.Local {
		t = t.Local()
	}
	if o.Volatile {
		t = t.Volatile()
	}
	if o.Compress != nil {
		t = t.Compress(*o.Compress)
	}
	return t
}

// ServerCount returns the number of servers.
func (a *Adapter) ServerCount() int { return a.namespace.ServerCount() }

// Broadcast sends data to the sockets of all servers. It does not wait for the bus, because it could not return the
// outcome.
func (a *Adapter) Broadcast(data []any, o Options) {
	a.failed(a.target(o).EmitAsync(data[0].(string), data[1:]...))
}

// BroadcastWithAck sends data to the sockets of all servers. It returns at once, calls ack for each answer and, when no
// answer is missing any more, count once for each server.
func (a *Adapter) BroadcastWithAck(data []any, o Options, count func(clients int), ack func(answer any)) {
	servers := a.ServerCount()
	a.asking.Go(func() {
		answers := 0
		for v, err := range a.target(o).Acks(context.Background(), data[0].(string), data[1:]...) {
			if err != nil {
				a.failed(err) // the caller has a timeout, too
				return
			}
			answers++
			ack(plain(v))
		}
		count(answers) // the cluster has counted already, so one number is enough
		for range servers - 1 {
			count(0)
		}
	})
}

// FetchSockets describes the sockets of all servers. If not all servers answer, it returns those found so far and an
// error.
func (a *Adapter) FetchSockets(o Options, found func([]Details, error)) {
	a.asking.Go(func() {
		sockets, err := a.target(o).FetchSockets(context.Background())
		var all []Details
		for _, s := range sockets {
			d := Details{ID: s.ID(), Rooms: s.Rooms(), Data: plain(s.Data())}
			if h, err := s.Handshake(); err == nil {
				d.Handshake, _ = plain(encoded(h)).(map[string]any)
			}
			all = append(all, d)
		}
		found(all, err)
	})
}

// AddSockets makes the sockets of all servers join rooms.
func (a *Adapter) AddSockets(o Options, rooms []string) {
	a.failed(a.target(o).SocketsJoin(context.Background(), rooms...))
}

// DelSockets makes the sockets of all servers leave rooms.
func (a *Adapter) DelSockets(o Options, rooms []string) {
	a.failed(a.target(o).SocketsLeave(context.Background(), rooms...))
}

// DisconnectSockets disconnects the sockets of all servers.
func (a *Adapter) DisconnectSockets(o Options, close bool) {
	a.failed(a.target(o).DisconnectSockets(context.Background(), close))
}

// ServerSideEmit sends data to the other servers. answered, if not nil, receives one answer of each.
func (a *Adapter) ServerSideEmit(data []any, answered func([]any, error)) error {
	name, args := data[0].(string), data[1:]
	if answered == nil {
		return a.namespace.ServerSideEmit(context.Background(), name, args...)
	}
	a.asking.Go(func() {
		values, err := a.namespace.ServerSideEmitWithAck(context.Background(), name, args...)
		var answers []any
		for _, v := range values {
			answers = append(answers, plain(v))
		}
		answered(answers, err)
	})
	return nil
}
