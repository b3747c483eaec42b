package core_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// open starts a cluster on bus and closes it when the test ends.
func open(t testing.TB, bus transport.Bus, change ...func(*core.Config)) *core.Cluster {
	t.Helper()
	config := core.Config{Bus: bus}
	for _, f := range change {
		f(&config)
	}
	cluster, err := core.Open(t.Context(), config)
	require.NoError(t, err, "Open")
	t.Cleanup(func() { shut(t, cluster) })
	return cluster
}

func shut(t testing.TB, cluster *core.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	require.NoError(t, cluster.Close(ctx), "Close")
}

// join opens a namespace with the clients of local, or with none if local is nil.
func join(t testing.TB, cluster *core.Cluster, name string, local core.LocalSockets) *core.Namespace {
	t.Helper()
	if local == nil {
		local = core.NewRegistry(core.RegistryConfig{})
	}
	ns, err := cluster.Namespace(t.Context(), name, local)
	require.NoError(t, err, "Namespace %q", name)
	return ns
}

// faultySender opens a namespace on a bus with faults, and another node with the client alice.
func faultySender(t testing.TB) (ns *core.Namespace, b *bus, alice *client) {
	t.Helper()
	hub := memory.NewHub()
	b = &bus{Bus: hub}
	ns = join(t, open(t, b), "/", nil)
	registry, clients := crowd("alice")
	join(t, open(t, hub), "/", registry)
	return ns, b, clients["alice"]
}

// log collects what happens, with its time.
type log[T any] struct {
	mu      sync.Mutex // guards all below
	entries []T
	times   []time.Time
	changed chan struct{}
}

func (l *log[T]) add(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, v)
	l.times = append(l.times, time.Now())
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

func (l *log[T]) all() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]T(nil), l.entries...)
}

func (l *log[T]) when() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]time.Time(nil), l.times...)
}

// wait returns the entries once there are at least n.
func (l *log[T]) wait(t testing.TB, n int) []T {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		all := append([]T(nil), l.entries...)
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		if len(all) >= n {
			return all
		}
		select {
		case <-changed:
		case <-limit:
			require.FailNow(t, "nothing more comes", "%d of %d came: %v", len(all), n, all)
		}
	}
}

// client is a socket that keeps what it gets.
type client struct {
	id     string
	got    log[string]      // the argument lists as JSON
	flags  log[codec.Flags] // of each packet
	kicked log[bool]
	answer func(p *core.Packet, answer func(codec.Value)) // nil: answers its id
	hold   chan struct{}                                  // Send waits for it, unless nil
}

func (c *client) ID() string { return c.id }

func (c *client) Send(p *core.Packet) {
	if c.hold != nil {
		<-c.hold
	}
	c.flags.add(p.Flags)
	c.got.add(p.Args.String())
}

func (c *client) SendAck(_ context.Context, p *core.Packet, answer func(codec.Value)) {
	c.Send(p)
	if c.answer != nil {
		c.answer(p, answer)
		return
	}
	answer(value(c.id))
}

func (c *client) Disconnect(close bool) { c.kicked.add(close) }

func value(v any) codec.Value {
	out, err := codec.NewValue(v)
	if err != nil {
		panic(err)
	}
	return out
}

func args(event string, list ...any) codec.Args {
	out, err := codec.NewArgs(event, list...)
	if err != nil {
		panic(err)
	}
	return out
}

// crowd returns a registry with clients of the given ids.
func crowd(ids ...string) (*core.Registry, map[string]*client) {
	registry, clients := core.NewRegistry(core.RegistryConfig{}), make(map[string]*client)
	for _, id := range ids {
		clients[id] = &client{id: id}
		registry.Add(clients[id])
	}
	return registry, clients
}

var errBroken = errors.New("broken on purpose")
