package socketio

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
)

// ParentTarget selects the same sockets as a backplane.Target, in each namespace of a ParentNamespace that is open
// on this node. It includes the clients of these namespaces on other nodes, but not namespaces that are open only
// on other nodes. It is immutable: its methods return a new ParentTarget. If several namespaces fail, the error
// wraps all of their errors.
//
// FetchSockets, EmitWithAck and ServerSideEmitWithAck ask the namespaces at the same time, and return all answers
// together. Node.js's ParentNamespace does not have these methods.
type ParentTarget struct {
	parent *ParentNamespace
	target func(backplane.Target) backplane.Target // nil: without changes
}

// then returns t with one more change.
func (t ParentTarget) then(change func(backplane.Target) backplane.Target) ParentTarget {
	before := t.target
	t.target = func(target backplane.Target) backplane.Target {
		if before != nil {
			target = before(target)
		}
		return change(target)
	}
	return t
}

// To targets the sockets that are in at least one of the rooms. See backplane.Target.
func (t ParentTarget) To(rooms ...string) ParentTarget {
	rooms = slices.Clone(rooms)
	return t.then(func(target backplane.Target) backplane.Target { return target.To(rooms...) })
}

// In is a synonym for To.
func (t ParentTarget) In(rooms ...string) ParentTarget { return t.To(rooms...) }

// Except excludes the sockets that are in one of the rooms.
func (t ParentTarget) Except(rooms ...string) ParentTarget {
	rooms = slices.Clone(rooms)
	return t.then(func(target backplane.Target) backplane.Target { return target.Except(rooms...) })
}

// Local restricts the target to the sockets of this node.
func (t ParentTarget) Local() ParentTarget { return t.then(backplane.Target.Local) }

// Volatile lets the event be dropped for clients that cannot receive it at once.
func (t ParentTarget) Volatile() ParentTarget { return t.then(backplane.Target.Volatile) }

// Compress sets whether the event is compressed for clients whose connection supports compression.
func (t ParentTarget) Compress(compress bool) ParentTarget {
	return t.then(func(target backplane.Target) backplane.Target { return target.Compress(compress) })
}

// Timeout bounds how long to wait for answers. See backplane.Target.
func (t ParentTarget) Timeout(d time.Duration) ParentTarget {
	return t.then(func(target backplane.Target) backplane.Target { return target.Timeout(d) })
}

// Emit sends an event to the sockets of the target. See backplane.Target.
func (t ParentTarget) Emit(ctx context.Context, event string, args ...any) error {
	return t.each(func(target backplane.Target) error { return target.Emit(ctx, event, args...) })
}

// EmitAsync sends an event without waiting for the bus.
func (t ParentTarget) EmitAsync(event string, args ...any) error {
	return t.each(func(target backplane.Target) error { return target.EmitAsync(event, args...) })
}

// SocketsJoin makes the sockets of the target join rooms.
func (t ParentTarget) SocketsJoin(ctx context.Context, rooms ...string) error {
	return t.each(func(target backplane.Target) error { return target.SocketsJoin(ctx, rooms...) })
}

// SocketsLeave makes the sockets of the target leave rooms.
func (t ParentTarget) SocketsLeave(ctx context.Context, rooms ...string) error {
	return t.each(func(target backplane.Target) error { return target.SocketsLeave(ctx, rooms...) })
}

// DisconnectSockets disconnects the sockets of the target from their namespaces. With close, it closes their
// connections.
func (t ParentTarget) DisconnectSockets(ctx context.Context, close bool) error {
	return t.each(func(target backplane.Target) error { return target.DisconnectSockets(ctx, close) })
}

// ServerSideEmit sends an event to the other nodes' servers.
func (t ParentTarget) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	return t.each(func(target backplane.Target) error { return target.ServerSideEmit(ctx, event, args...) })
}

// EmitWithAck sends an event to the sockets of the target and returns their acknowledgements, one value per
// socket.
func (t ParentTarget) EmitWithAck(ctx context.Context, event string, args ...any) ([]backplane.Value, error) {
	return gather(t, func(target backplane.Target) ([]backplane.Value, error) {
		return target.EmitWithAck(ctx, event, args...)
	})
}

// ServerSideEmitWithAck sends an event to the other nodes' servers and returns their answers, one per node and
// namespace.
func (t ParentTarget) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]backplane.Value, error) {
	return gather(t, func(target backplane.Target) ([]backplane.Value, error) {
		return target.ServerSideEmitWithAck(ctx, event, args...)
	})
}

// FetchSockets returns the sockets of the target.
func (t ParentTarget) FetchSockets(ctx context.Context) ([]*backplane.RemoteSocket, error) {
	return gather(t, func(target backplane.Target) ([]*backplane.RemoteSocket,
		error) {
		return target.FetchSockets(ctx)
	})
}

// maxConcurrent is the maximum number of namespaces that a ParentTarget acts on at the same time.
const maxConcurrent = 64

// each calls f for the target in each namespace, concurrently.
func (t ParentTarget) each(f func(backplane.Target) error) error {
	if t.parent == nil {
		return &backplane.ConfigError{
			Reason: "a zero ParentTarget has no namespaces: use one that a ParentNamespace has returned"}
	}
	children := t.parent.Children()
	errs := make([]error, len(children))
	slots := make(chan struct{}, maxConcurrent)
	var group sync.WaitGroup
	call := func(ns *Namespace) error {
		target := ns.Target
		if t.target != nil {
			target = t.target(target)
		}
		err := f(target)
		if errors.Is(err, backplane.ErrClosed) && ns.owner.isClosing(ns) {
			return nil // its last client has left, so it is no longer part of the target
		}
		return err
	}
	for i, ns := range children {
		if len(children) == 1 {
			return call(ns)
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			errs[i] = call(ns)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// gather is like each, for functions that return answers. It returns all answers together.
func gather[T any](t ParentTarget, f func(backplane.Target) ([]T, error)) ([]T, error) {
	var mu sync.Mutex // guards all
	var all []T
	err := t.each(func(target backplane.Target) error {
		answers, err := f(target)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, answers...)
		return err
	})
	return all, err
}
