package core_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	storage "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// hangman is a bus and a store of which one method ignores its context and hangs until it is released.
type hangman struct {
	transport.Bus
	store *storage.Store

	mu     sync.Mutex // guards all below
	method string
	free   chan struct{}
}

func newHangman(hub transport.Bus) *hangman {
	return &hangman{Bus: hub, store: storage.NewStore()}
}

func (h *hangman) hang(method string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.method, h.free = method, make(chan struct{})
}

func (h *hangman) letGo() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.method != "" {
		close(h.free)
	}
	h.method = ""
}

func (h *hangman) in(method string) {
	h.mu.Lock()
	here, free := h.method == method, h.free
	h.mu.Unlock()
	if here {
		<-free
	}
}

func (h *hangman) Publish(ctx context.Context, msgs ...transport.Message) error {
	h.in("Publish")
	return h.Bus.Publish(context.WithoutCancel(ctx), msgs...)
}

func (h *hangman) Open(ctx context.Context) (transport.Session, error) {
	h.in("Open")
	s, err := h.Bus.Open(ctx)
	if err != nil {
		return nil, err
	}
	return hangingSession{s, h}, nil
}

func (h *hangman) Close(context.Context) error {
	h.in("Close")
	return nil
}

func (h *hangman) Prepare(context.Context) error {
	h.in("Prepare")
	return nil
}

func (h *hangman) Put(ctx context.Context, body []byte) (string, error) {
	h.in("Put")
	return h.store.Put(ctx, body)
}

func (h *hangman) Get(ctx context.Context, id string) ([]byte, error) {
	h.in("Get")
	return h.store.Get(ctx, id)
}

func (h *hangman) Expire(ctx context.Context, age time.Duration) error {
	h.in("Expire")
	return h.store.Expire(ctx, age)
}

type hangingSession struct {
	transport.Session
	h *hangman
}

func (s hangingSession) Listen(ctx context.Context, channel string) error {
	s.h.in("Listen")
	return s.Session.Listen(ctx, channel)
}

func (s hangingSession) Unlisten(ctx context.Context, channel string) error {
	s.h.in("Unlisten")
	return s.Session.Unlisten(ctx, channel)
}

func (s hangingSession) Receive(ctx context.Context) (transport.Message, error) {
	s.h.in("Receive")
	return s.Session.Receive(ctx)
}

func (s hangingSession) Close(ctx context.Context) error {
	s.h.in("Session.Close")
	return s.Session.Close(ctx)
}

var hangs = []string{"Publish", "Open", "Listen", "Unlisten", "Receive", "Session.Close", "Close", "Prepare", "Put",
	"Get", "Expire"}

// scene is a cluster of two nodes, one of which hangs.
type scene struct {
	bus     *hangman
	cluster *core.Cluster
	ns      *core.Namespace
	there   *core.RemoteSocket // on the other node
}

// call is a call that each test below makes, and what bounds it.
type call struct {
	name      string
	publishes bool // it does no more than publish
	requests  bool // it is bounded by Config.RequestTimeout
	make      func(ctx context.Context, s *scene) error
}

func ignore[T any](_ T, err error) error { return err }

var large = strings.Repeat("x", 2000)

var calls = []call{
	{name: "Emit", publishes: true, make: func(ctx context.Context, s *scene) error { return s.ns.Emit(ctx, "a") }},
	{name: "Emit/Large", publishes: true, make: func(ctx context.Context, s *scene) error {
		return s.ns.Emit(ctx, "a", large)
	}}, {name: "SocketsJoin", publishes: true, make: func(ctx context.Context, s *scene) error {
		return s.ns.SocketsJoin(ctx, "room")
	}}, {name: "SocketsLeave", publishes: true, make: func(ctx context.Context, s *scene) error {
		return s.ns.SocketsLeave(ctx, "room")
	}}, {name: "DisconnectSockets", publishes: true, make: func(ctx context.Context, s *scene) error {
		return s.ns.To("x").DisconnectSockets(ctx, true)
	}}, {name: "ServerSideEmit", publishes: true, make: func(ctx context.Context, s *scene) error {
		return s.ns.ServerSideEmit(ctx, "a")
	}}, {name: "RemoteSocket.Emit", publishes: true, make: func(ctx context.Context, s *scene) error {
		return s.there.Emit(ctx, "a")
	}}, {name: "RemoteSocket.Join", publishes: true, make: func(ctx context.Context, s *scene) error {
		return s.there.Join(ctx, "a")
	}}, {name: "RemoteSocket.Leave", publishes: true, make: func(ctx context.Context, s *scene) error {
		return s.there.Leave(ctx, "a")
	}}, {name: "RemoteSocket.Disconnect", publishes: true, make: func(ctx context.Context, s *scene) error {
		return s.there.Disconnect(ctx, true)
	}}, {name: "EmitWithAck", requests: true, make: func(ctx context.Context, s *scene) error {
		return ignore(s.ns.EmitWithAck(ctx, "a"))
	}}, {name: "EmitWithAck/Large", requests: true, make: func(ctx context.Context, s *scene) error {
		return ignore(s.ns.EmitWithAck(ctx, "a", large))
	}}, {name: "Acks", requests: true, make: func(ctx context.Context, s *scene) (err error) {
		for _, err = range s.ns.Acks(ctx, "a") {
		}
		return err
	}}, {name: "FetchSockets", requests: true, make: func(ctx context.Context, s *scene) error {
		return ignore(s.ns.FetchSockets(ctx))
	}}, {name: "ServerSideEmitWithAck", requests: true, make: func(ctx context.Context, s *scene) error {
		return ignore(s.ns.ServerSideEmitWithAck(ctx, "a"))
	}}, {name: "RemoteSocket.EmitWithAck", requests: true, make: func(ctx context.Context, s *scene) error {
		return ignore(s.there.EmitWithAck(ctx, "a"))
	}}, {name: "Clients", requests: true, make: func(ctx context.Context, s *scene) error {
		return ignore(s.ns.Clients(ctx))
	}}, {name: "AllRooms", requests: true, make: func(ctx context.Context, s *scene) error {
		return ignore(s.ns.AllRooms(ctx))
	}}, {name: "ClientRooms", requests: true, make: func(ctx context.Context, s *scene) error {
		return ignore(s.ns.ClientRooms(ctx, "nobody"))
	}}, {name: "RemoteJoin", requests: true, make: func(ctx context.Context, s *scene) error {
		return s.ns.RemoteJoin(ctx, "there", "room")
	}}, {name: "RemoteLeave", requests: true, make: func(ctx context.Context, s *scene) error {
		return s.ns.RemoteLeave(ctx, "there", "room")
	}}, {name: "RemoteDisconnect", requests: true, make: func(ctx context.Context, s *scene) error {
		return s.ns.RemoteDisconnect(ctx, "there", true)
	}}, {name: "CustomRequest", requests: true, make: func(ctx context.Context, s *scene) error {
		return ignore(s.ns.CustomRequest(ctx, 1))
	}},
	{name: "WaitForPeers", make: func(ctx context.Context, s *scene) error { return s.ns.WaitForPeers(ctx, 5) }},
	{name: "Namespace", make: func(ctx context.Context, s *scene) error {
		return ignore(s.cluster.Namespace(ctx, "/new", core.NewRegistry(core.RegistryConfig{})))
	}}, {name: "WaitReady", make: func(ctx context.Context, s *scene) error {
		ns, err := s.cluster.NamespaceAsync("/new", core.NewRegistry(core.RegistryConfig{}))
		if err != nil {
			return err
		}
		return ns.WaitReady(ctx)
	}},
	{name: "Namespace.Close", make: func(ctx context.Context, s *scene) error { return s.ns.Close(ctx) }},
	{name: "Namespace.Close/Twice", make: func(ctx context.Context, s *scene) error {
		go func() { _ = s.ns.Close(context.Background()) }()
		synctest.Wait()
		return s.ns.Close(ctx)
	}},
	{name: "Close", make: func(ctx context.Context, s *scene) error { return s.cluster.Close(ctx) }},
	{name: "Close/WhileANamespaceCloses", make: func(ctx context.Context, s *scene) error {
		go func() { _ = s.ns.Close(context.Background()) }()
		synctest.Wait()
		return s.cluster.Close(ctx)
	}},
}

const (
	bound    = 300 * time.Millisecond
	lateness = 100 * time.Millisecond
)

// atTheLatest makes a call in a cluster of which one method hangs, and holds it to bound.
func atTheLatest(t *testing.T, method string, busy bool, change func(*core.Config), what func(s *scene) error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 1000}})
		registry, clients := crowd("there")
		store := storage.NewStore()
		other := open(t, hub, func(c *core.Config) { c.Store = store })
		join(t, other, "/", registry)
		clients["there"].answer = nil

		s := &scene{bus: newHangman(hub)}
		s.bus.store = store
		config := core.Config{Bus: s.bus, ErrorHandler: func(error) {}}
		if change != nil {
			change(&config)
		}
		var err error
		s.cluster, err = core.Open(t.Context(), config)
		require.NoError(t, err)
		local, _ := crowd("here")
		s.ns = join(t, s.cluster, "/", local)
		require.NoError(t, s.ns.WaitForPeers(t.Context(), 1))
		sockets, err := s.ns.To("there").FetchSockets(t.Context())
		require.NoError(t, err)
		require.Len(t, sockets, 1)
		s.there = sockets[0]

		s.bus.hang(method)
		if busy { // one message is being published, and one waits behind it
			for range 3 {
				_ = s.ns.EmitAsync("busy", large)
				synctest.Wait()
			}
		}
		start := time.Now()
		err = what(s)
		took := time.Since(start)
		assert.LessOrEqual(t, took, bound+lateness, "it returned %v", err)
		s.bus.letGo()
		_ = s.cluster.Close(t.Context())
	})
}

func TestNoCallReturnsLaterThanItsContext(t *testing.T) {
	for _, method := range hangs {
		for _, c := range calls {
			for _, busy := range []bool{false, true} {
				name := method + "/" + c.name
				if busy {
					name += "/Busy"
				}
				t.Run(name, func(t *testing.T) {
					atTheLatest(t, method, busy, nil, func(s *scene) error {
						ctx, cancel := context.WithTimeout(context.Background(), bound)
						defer cancel()
						return c.make(ctx, s)
					})
				})
			}
		}
	}
}

func TestNoRequestReturnsLaterThanItsTimeout(t *testing.T) {
	for _, method := range hangs {
		for _, c := range calls {
			if !c.requests {
				continue
			}
			t.Run(method+"/"+c.name, func(t *testing.T) {
				atTheLatest(t, method, true, func(config *core.Config) { config.RequestTimeout = bound },
					func(s *scene) error { return c.make(context.Background(), s) })
			})
		}
	}
}

// This does not include the time that a message waits in the queue behind another one, which has the same timeout.
func TestPublishingTakesNoLongerThanThePublishTimeout(t *testing.T) {
	for _, method := range hangs {
		for _, c := range calls {
			if !c.publishes {
				continue
			}
			t.Run(method+"/"+c.name, func(t *testing.T) {
				atTheLatest(t, method, false, func(config *core.Config) { config.PublishTimeout = bound },
					func(s *scene) error { return c.make(context.Background(), s) })
			})
		}
	}
}

func TestStartReturnsInTime(t *testing.T) {
	for _, method := range hangs {
		for name, c := range map[string]struct {
			ctx     time.Duration
			timeout time.Duration
		}{"Context": {bound, time.Hour}, "PublishTimeout": {time.Hour, bound}} {
			t.Run(method+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHangman(memory.NewHub())
					h.hang(method)
					ctx, cancel := context.WithTimeout(context.Background(), c.ctx)
					defer cancel()
					start := time.Now()
					cluster, err := core.Open(ctx, core.Config{Bus: h, PublishTimeout: c.timeout})
					assert.LessOrEqual(t, time.Since(start), bound+lateness)
					h.letGo()
					if err == nil {
						_ = cluster.Close(t.Context())
					}
					synctest.Wait() // no goroutine is left
				})
			})
		}
	}
}
