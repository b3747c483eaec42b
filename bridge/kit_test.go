package bridge_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/transport"
)

// record collects what happens. It is safe for concurrent use.
type record[T any] struct {
	mu      sync.Mutex
	entries []T
}

func (r *record[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, v)
}

func (r *record[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.entries)
}

// client is a socket that records what it is sent.
type client struct {
	id    string
	got   record[string]
	flags record[backplane.Flags]
}

func (c *client) ID() string      { return c.id }
func (c *client) Disconnect(bool) {}

func (c *client) Send(p *backplane.Packet) {
	c.got.add(fmt.Sprint(p.Args))
	c.flags.add(p.Flags)
}

func (c *client) SendAck(_ context.Context, p *backplane.Packet, answer func(backplane.Value)) {
	c.Send(p)
	v, err := backplane.NewValue(c.id)
	if err == nil {
		answer(v)
	}
}

// side is a cluster on its own bus, with one server that has the clients alice, in the room "red", and bob.
type side struct {
	*backplane.Namespace
	bus        transport.Bus
	options    []func(*backplane.Config)
	alice, bob *client
}

// newSide starts a cluster of one node in the namespace "/".
func newSide(t testing.TB, bus transport.Bus, options ...func(*backplane.Config)) *side {
	t.Helper()
	s := &side{bus: bus, options: options, alice: &client{id: "alice"}, bob: &client{id: "bob"}}
	s.Namespace = s.node(t, "/")
	return s
}

// node opens a namespace on another node of the cluster, with the same clients.
func (s *side) node(t testing.TB, nsp string) *backplane.Namespace {
	t.Helper()
	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	registry.Add(s.alice, "red")
	registry.Add(s.bob)
	ns, err := s.join(t).Namespace(t.Context(), nsp, registry)
	require.NoError(t, err)
	return ns
}

// join opens another Cluster on the bus of the side.
func (s *side) join(t testing.TB, options ...func(*backplane.Config)) *backplane.Cluster {
	t.Helper()
	config := backplane.Config{Bus: s.bus}
	for _, f := range append(slices.Clone(s.options), options...) {
		f(&config)
	}
	cluster, err := backplane.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close(after(t))) })
	return cluster
}

// after returns a context for what is closed at the end of a test.
func after(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// connect opens a bridge between two sides, with clusters of its own.
func connect(t testing.TB, a, b *side, options ...func(*bridge.Config)) *bridge.Bridge {
	t.Helper()
	config := bridge.Config{A: a.join(t), B: b.join(t)}
	for _, f := range options {
		f(&config)
	}
	br, err := bridge.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, br.Close(after(t))) })
	return br
}
