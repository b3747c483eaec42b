package interop_test

import (
	"context"
	"fmt"
	"reflect"
	"sort"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// patience limits each scenario. It is long, because only a failure takes that long.
const patience = 3 * time.Minute

// The heartbeats of the matrix. Node.js nodes send them often, because a node whose LISTEN was not active when it
// announced itself learns of its peers only with their next heartbeat. Our nodes send them rarely: a node closes a
// session that does not deliver the node's own heartbeat in time, and the machine may be busy.
const (
	nodeHeartbeat    = time.Second
	goHeartbeat      = 2 * time.Second
	heartbeatTimeout = 6 * time.Second
)

// fixture is what a scenario works with: two sides that know each other, in a new namespace.
type fixture struct {
	*testing.T
	ctx      context.Context
	prefix   string // of the channels
	nsp      string
	from, to side
	size     int // number of nodes in the cluster
	fences   int

	recording *interop.Recording // nil on Redis
	sharded   bool               // the nodes have sharded adapters
}

var lastNamespace atomic.Int64

// newFixture opens the sides in the order that the scenario wants and waits until they know each other.
func newFixture(t *testing.T, w *world, from, to opener, s scenario) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	f := &fixture{T: t, ctx: ctx, prefix: w.prefix, size: from.nodes() + to.nodes(),
		sharded: w.sharded != nil}
	if f.nsp = s.nsp; f.nsp == "" {
		f.nsp = fmt.Sprintf("/n%d", lastNamespace.Add(1))
	}
	var err error
	if w.recorder != nil {
		f.recording, err = w.recorder.Listen(ctx, w.channel(f.nsp))
		require.NoError(t, err)
		t.Cleanup(func() { checkWire(f) })
	}
	open := func(o opener) side {
		s, err := o.open(ctx, f.nsp)
		require.NoError(t, err)
		t.Cleanup(func() { closeSide(t, s) })
		return s
	}
	_, fromGo := from.(*goOpener)
	if s.opens == fromFirst || s.opens == nodeFirst && !fromGo {
		f.from, f.to = open(from), open(to)
	} else {
		f.to, f.from = open(to), open(from)
	}
	require.NoError(t, f.from.AwaitServerCount(ctx, f.size), "the sender must know all nodes")
	require.NoError(t, f.to.AwaitServerCount(ctx, f.size), "the receiver must know all nodes")
	return f
}

func closeSide(t *testing.T, s side) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, s.Close(ctx))
}

func (f *fixture) connect(s side, spec interop.ClientSpec) client {
	f.Helper()
	c, err := s.connect(f.ctx, spec)
	require.NoError(f, err)
	return c
}

// join connects a client with these rooms.
func (f *fixture) join(s side, rooms ...string) client {
	f.Helper()
	return f.connect(s, interop.ClientSpec{Rooms: rooms})
}

func (f *fixture) emit(s side, to interop.Target, event string, args ...any) {
	f.Helper()
	require.NoError(f, s.Emit(f.ctx, to, event, args...))
}

// next waits for the next event of c and returns it.
func (f *fixture) next(c client) interop.Event {
	f.Helper()
	e, err := c.Next(f.ctx)
	require.NoError(f, err)
	return e
}

// expect requires that the next event of each client is this one.
func (f *fixture) expect(clients []client, event string, args ...any) {
	f.Helper()
	for i, c := range clients {
		e := f.next(c)
		require.Equal(f, event, e.Event, "client %d", i)
		f.same(list(args), values(e.Args))
	}
}

// fence requires that the clients have received nothing else: it sends an event from s to all clients, which
// must be the next one they receive.
func (f *fixture) fence(s side, clients ...client) {
	f.Helper()
	f.fences++
	f.emit(s, interop.Target{}, "fence", f.fences)
	f.expect(clients, "fence", f.fences)
}

// sent waits for the next message of this type from s and returns it. On Redis, where messages are not recorded, it
// returns none.
func (f *fixture) sent(s side, messageType int) interop.Message {
	f.Helper()
	if f.recording == nil {
		return interop.Message{}
	}
	m, err := f.recording.Await(f.ctx, s.UID(), messageType)
	require.NoError(f, err)
	return m
}

// same compares values regardless of their number types. Failures show only the beginning of large values.
func (f *fixture) same(want, got any) {
	f.Helper()
	want, got = interop.Canon(want), interop.Canon(got)
	if !reflect.DeepEqual(want, got) {
		f.Fatalf("got  %.300q\nwant %.300q", fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
	}
}

// sameSet compares two lists in any order.
func (f *fixture) sameSet(want, got []any) {
	f.Helper()
	f.same(sorted(want), sorted(got))
}

func sorted(values []any) []any {
	out := list(interop.Canon(values).([]any))
	sort.Slice(out, func(i, j int) bool { return fmt.Sprint(out[i]) < fmt.Sprint(out[j]) })
	return out
}

func list(values []any) []any { return append([]any{}, values...) }

func values(args []interop.Value) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a.V
	}
	return out
}

func ids(clients ...client) []any {
	out := make([]any, len(clients))
	for i, c := range clients {
		out[i] = c.ID()
	}
	return out
}
