package emitter_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/storage"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds how long a test waits for an event.
const patience = 2 * time.Minute

func within(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), patience)
	tb.Cleanup(cancel)
	return ctx
}

// world is a bus, a store and, if it is Postgres, a way to begin transactions.
type world struct {
	bus   transport.Bus
	store storage.Store
	url   string
	begin func(tb testing.TB) transaction // nil if there are none
}

// postgresLimits are the limits of NOTIFY.
var postgresLimits = transport.Limits{Payload: 7999, Channel: 63, Text: true}

var kinds = []struct {
	name string
	open func(tb testing.TB) world
}{
	{"memory", func(testing.TB) world { return world{bus: memory.NewHub()} }},
	{"memoryWithLimits", func(testing.TB) world {
		return world{bus: memory.NewHubWithConfig(memory.Config{Limits: postgresLimits}), store: memstore.NewStore()}
	}},
	{"pgx", func(tb testing.TB) world {
		url := pgtest.Database(tb)
		pool, err := pgxpool.New(tb.Context(), url)
		require.NoError(tb, err)
		tb.Cleanup(pool.Close)
		d := pgxdriver.New(pool)
		tb.Cleanup(func() { require.NoError(tb, d.Close(within(tb))) })
		return world{bus: d, store: d, url: url, begin: func(tb testing.TB) transaction { return beginPgx(tb, pool) }}
	}},
	{"pq", func(tb testing.TB) world {
		url := pgtest.Database(tb)
		db, err := sql.Open("postgres", url)
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = db.Close() })
		d := pqdriver.New(db, url)
		tb.Cleanup(func() { require.NoError(tb, d.Close(within(tb))) })
		return world{bus: d, store: d, url: url, begin: func(tb testing.TB) transaction { return beginPq(tb, db) }}
	}},
}

// each runs a test on all buses.
func each(t *testing.T, promise func(t *testing.T, w world)) {
	t.Helper()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			promise(t, k.open(t))
		})
	}
}

// eachDriver runs a test on the buses that have transactions.
func eachDriver(t *testing.T, promise func(t *testing.T, w world)) {
	t.Helper()
	for _, k := range kinds {
		if k.name != "pgx" && k.name != "pq" {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			promise(t, k.open(t))
		})
	}
}

func (w world) emitter(tb testing.TB) *emitter.Emitter {
	tb.Helper()
	e, err := emitter.New(emitter.Config{Bus: w.bus, Store: w.store})
	require.NoError(tb, err)
	return e
}

// cluster opens a node.
func (w world) cluster(tb testing.TB) *core.Cluster {
	tb.Helper()
	// the bus is shared, so Close must not close it
	cluster, err := core.Open(within(tb),
		core.Config{Bus: struct{ transport.Bus }{w.bus}, Store: w.store, ErrorHandler: func(err error) {
			tb.Errorf("reported by the node: %v", err)
		}})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, cluster.Close(within(tb))) })
	return cluster
}

// audience is a namespace on a node.
type audience struct {
	testing.TB
	emitter  *emitter.Emitter
	registry *core.Registry
	ns       *core.Namespace
	server   chan string // server-side events
	fences   int
}

// audience opens a node with one namespace, and an emitter on the same bus.
func (w world) audience(tb testing.TB) *audience { return w.namespace(tb, w.cluster(tb), "/") }

func (w world) namespace(tb testing.TB, cluster *core.Cluster, nsp string) *audience {
	tb.Helper()
	a := &audience{TB: tb, emitter: w.emitter(tb), server: make(chan string, 16)}
	a.registry = core.NewRegistry(core.RegistryConfig{ServerSideEmit: func(args codec.Args, _ func(codec.Value)) {
		a.server <- args.String()
	}})
	var err error
	a.ns, err = cluster.Namespace(within(tb), nsp, a.registry)
	require.NoError(tb, err)
	return a
}

// client is a socket that keeps the events that it receives.
type client struct {
	a  *audience
	id string

	mu      sync.Mutex // guards all below
	events  []string
	changed chan struct{}
}

var _ core.Socket = (*client)(nil)

func (a *audience) join(rooms ...string) *client {
	c := &client{a: a, id: fmt.Sprintf("socket-%p-%d", a, time.Now().UnixNano()), changed: make(chan struct{}, 1)}
	a.registry.Add(c, rooms...)
	return c
}

func (c *client) ID() string          { return c.id }
func (c *client) Send(p *core.Packet) { c.put(p.Args.String()) }
func (c *client) Disconnect(close bool) {
	c.a.registry.RemoveID(c.id)
	c.put(fmt.Sprintf("disconnected, close: %t", close))
}

func (c *client) put(event string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, event)
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// expect checks that exactly these events arrive next at c.
func (c *client) expect(events ...string) {
	c.a.Helper()
	for i, want := range events {
		if got := c.receive(); got != want {
			c.a.Fatalf("event %d of %d is %.200s, want %.200s", i, len(events), got, want)
		}
	}
}

// receive waits for the next event.
func (c *client) receive() string {
	c.a.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		if got, ok := c.next(); ok {
			return got
		}
		select {
		case <-c.changed:
		case <-timeout.C:
			c.a.Fatal("an event did not arrive")
		}
	}
}

func (c *client) next() (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) == 0 {
		return "", false
	}
	event := c.events[0]
	c.events = c.events[1:]
	return event, true
}

// fence checks that nothing else has arrived at the clients: it emits an event to everyone and expects it.
func (a *audience) fence(clients ...*client) {
	a.Helper()
	a.fences++
	require.NoError(a, a.emitter.Of(a.ns.Name()).Emit(within(a), "fence", a.fences))
	for _, c := range clients {
		c.expect(fmt.Sprintf(`["fence",%d]`, a.fences))
	}
}
