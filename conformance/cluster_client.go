package conformance

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

// client is a client that is connected to a node.
type client struct {
	c           *clusterChecker
	id          string
	events      *inbox[receivedEvent]
	disconnects *inbox[bool]

	mu        sync.Mutex // guards the following fields
	handshake core.Handshake
	data      codec.Value
	answer    func(codec.Args) (codec.Value, bool) // nil: the client's id
}

var (
	_ core.AckSocket       = (*client)(nil)
	_ core.DescribedSocket = (*client)(nil)
)

// receivedEvent is an event as a client received it.
type receivedEvent struct {
	args  codec.Args
	flags codec.Flags
}

func (p receivedEvent) String() string { return argsJSON(p.args) }

// argsJSON returns args as JSON, with bytes as base64.
func argsJSON(args codec.Args) string {
	p, err := args.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("<%v>", err)
	}
	return string(p)
}

// client connects a client to a node.
func (n *node) client(id string, rooms ...string) *client {
	cl := n.c.newClient(id)
	n.registry.Add(cl, rooms...)
	return cl
}

func (c *clusterChecker) newClient(id string) *client {
	return &client{c: c, id: id, events: newInbox[receivedEvent](), disconnects: newInbox[bool]()}
}

// registryWithClient returns a registry with one client.
func (c *clusterChecker) registryWithClient(id string) (*core.Registry, *client) {
	registry, cl := core.NewRegistry(core.RegistryConfig{}), c.newClient(id)
	registry.Add(cl)
	return registry, cl
}

// emptyRegistry returns a registry without clients.
func emptyRegistry() *core.Registry { return core.NewRegistry(core.RegistryConfig{}) }

func (cl *client) ID() string            { return cl.id }
func (cl *client) Send(p *core.Packet)   { cl.events.put(receivedEvent{p.Args, p.Flags}) }
func (cl *client) Disconnect(close bool) { cl.disconnects.put(close) }

func (cl *client) SendAck(_ context.Context, p *core.Packet, answer func(codec.Value)) {
	cl.Send(p)
	cl.mu.Lock()
	f := cl.answer
	cl.mu.Unlock()
	if f == nil {
		answer(cl.c.value(cl.id))
	} else if v, ok := f(p.Args); ok {
		answer(v)
	}
}

func (cl *client) Describe() (core.Handshake, codec.Value) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.handshake, cl.data
}

// setDescription sets what Describe returns.
func (cl *client) setDescription(h core.Handshake, data codec.Value) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.handshake, cl.data = h, data
}

// setAnswer sets how the client acknowledges events. If f returns false, it does not acknowledge.
func (cl *client) setAnswer(f func(codec.Args) (codec.Value, bool)) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.answer = f
}

// next returns the next event that the client receives.
func (cl *client) next(called, wanted string) receivedEvent {
	cl.c.Helper()
	p, ok := takeNext(cl.c, cl.events)
	if !ok {
		cl.c.fail(called, fmt.Sprintf("%s as the next event of client %s", wanted, cl.id), "no event for %v",
			cl.c.patience)
	}
	return p
}

// expect fails the check unless the next events of the client are want, as JSON.
func (cl *client) expect(called string, want ...string) {
	cl.c.Helper()
	for i, w := range want {
		if got := cl.next(called, quote(w)); got.String() != w {
			cl.c.fail(called, fmt.Sprintf("%s as event %d of %d of client %s", quote(w), i+1, len(want), cl.id), "%s",
				quote(got.String()))
		}
	}
}

// expectNothingMore fails the check if one of the clients receives another event that was sent before by node
// from. It emits an end marker, which must be the next event of each.
func (c *clusterChecker) expectNothingMore(called string, from *node, clients ...*client) {
	c.Helper()
	end := fmt.Sprintf("end marker %d", endMarkers.Add(1))
	var rooms []string
	for _, cl := range clients {
		rooms = append(rooms, cl.id)
	}
	c.emit(from, from.To(rooms...), end)
	for _, cl := range clients {
		if got := cl.next(called+", Emit an end marker", quote(end)); got.String() != fmt.Sprintf("[%q]", end) {
			c.fail(called, "no more events for client "+quote(cl.id), "%s", quote(got.String()))
		}
	}
}

// emitAsync sends an event without waiting for the bus.
func (c *clusterChecker) emitAsync(n *node, to core.Target, event string, args ...any) {
	c.Helper()
	if err := to.EmitAsync(event, args...); err != nil {
		c.fail(fmt.Sprintf("EmitAsync %s on %s", quote(event), n.name), "no error", "the error %q", err)
	}
}

// emit sends an event and waits until the bus has accepted it.
func (c *clusterChecker) emit(n *node, to core.Target, event string, args ...any) {
	c.Helper()
	c.must(fmt.Sprintf("Emit %s on %s", quote(event), n.name),
		func(ctx context.Context) error { return to.Emit(ctx, event, args...) })
}

func (c *clusterChecker) value(v any) codec.Value {
	out, err := codec.NewValue(v)
	if err != nil {
		c.Errorf("conformance: NewValue(%v): %v", v, err)
	}
	return out
}

// valuesJSON returns values as JSON.
func valuesJSON(values []codec.Value) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, v.String())
	}
	return out
}

// quoteAll formats a list for a failure's text.
func quoteAll(list []string) string {
	short := make([]string, 0, len(list))
	for _, s := range list {
		short = append(short, quote(s))
	}
	return "[" + strings.Join(short, " ") + "]"
}
