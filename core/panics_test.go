package core_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// hostile is an error, and a value, whose methods panic.
type hostile struct{ p *int }

func (h *hostile) Error() string                { return fmt.Sprint(*h.p) }
func (h *hostile) Is(error) bool                { panic(h) }
func (h *hostile) As(any) bool                  { panic(h) }
func (h *hostile) Unwrap() error                { panic(h) }
func (h *hostile) MarshalJSON() ([]byte, error) { panic(h) }
func (h *hostile) LogValue() slog.Value         { panic(h) }

// harms are ways in which called code can fail.
var harms = map[string]func(){
	"Panic":          func() { panic("on purpose") },
	"PanicOfHostile": func() { panic((*hostile)(nil)) },
	"PanicOfNil":     func() { panic(nil) }, //nolint:govet // this is what the test is about
	"NilDereference": func() { var p *int; *p = 1 },
	"Goexit":         runtime.Goexit,
}

// harmful is a LocalSockets that fails when it is told to.
type harmful struct {
	*core.Registry
	harm atomic.Pointer[func()]
}

func (h *harmful) strike() {
	if f := h.harm.Load(); f != nil {
		(*f)()
	}
}

func (h *harmful) Broadcast(p *core.Packet, to core.Selector) {
	h.strike()
	h.Registry.Broadcast(p, to)
}

func (h *harmful) BroadcastAck(ctx context.Context, p *core.Packet, to core.Selector, asked func(int),
	answer func(codec.Value)) {
	h.strike()
	h.Registry.BroadcastAck(ctx, p, to, asked, answer)
}

func (h *harmful) Sockets(to core.Selector) []codec.Socket {
	h.strike()
	return h.Registry.Sockets(to)
}

func (h *harmful) Join(to core.Selector, rooms []string)  { h.strike() }
func (h *harmful) Leave(to core.Selector, rooms []string) { h.strike() }
func (h *harmful) Disconnect(core.Selector, bool)         { h.strike() }
func (h *harmful) ServerSideEmit(_ codec.Args, reply func(codec.Value)) {
	h.strike()
	if reply != nil {
		reply(value("ok"))
	}
}

// localCalls are the operations that call LocalSockets, by the name of the call.
var localCalls = map[string]func(ctx context.Context, ns *core.Namespace) error{
	"LocalSockets.Broadcast": func(ctx context.Context, ns *core.Namespace) error { return ns.Emit(ctx, "a") },
	"LocalSockets.Join":      func(ctx context.Context, ns *core.Namespace) error { return ns.SocketsJoin(ctx, "r") },
	"LocalSockets.Leave":     func(ctx context.Context, ns *core.Namespace) error { return ns.SocketsLeave(ctx, "r") },
	"LocalSockets.Disconnect": func(ctx context.Context, ns *core.Namespace) error {
		return ns.DisconnectSockets(ctx, false)
	}, "LocalSockets.BroadcastAck": func(ctx context.Context, ns *core.Namespace) error {
		_, err := ns.EmitWithAck(ctx, "a")
		return err
	}, "LocalSockets.Sockets": func(ctx context.Context, ns *core.Namespace) error {
		_, err := ns.FetchSockets(ctx)
		return err
	}, "LocalSockets.ServerSideEmit": func(ctx context.Context, ns *core.Namespace) error {
		_, err := ns.ServerSideEmitWithAck(ctx, "a")
		return err
	},
}

// requireCall checks that err says which call failed, and how.
func requireCall(t *testing.T, err error, call, how string) {
	t.Helper()
	var e *core.CallError
	require.ErrorAs(t, err, &e)
	require.Equal(t, call, e.Call)
	if how == "Goexit" {
		require.ErrorIs(t, err, core.ErrExited)
		return
	}
	var p *core.PanicError
	require.ErrorAs(t, err, &p)
	require.Contains(t, err.Error(), "panics_test.go", "the text shows where the panic was")
}

func TestLocalSocketsThatFailForAPeer(t *testing.T) {
	for how, harm := range harms {
		for call, cause := range localCalls {
			t.Run(how+"/"+call, func(t *testing.T) {
				t.Parallel()
				hub := memory.NewHub()
				var errs log[error]
				registry, clients := crowd("alice")
				local := &harmful{Registry: registry}
				there := open(t, hub, func(c *core.Config) { c.ErrorHandler = errs.add })
				join(t, there, "/", local)
				other, others := crowd("bob")
				join(t, there, "/other", other)
				c := open(t, hub)
				ns, ns2 := join(t, c, "/", nil), join(t, c, "/other", nil)
				require.NoError(t, ns.WaitForPeers(t.Context(), 1))
				local.harm.Store(&harm)
				began := time.Now()
				err := cause(t.Context(), ns)
				switch call {
				case "LocalSockets.BroadcastAck", "LocalSockets.Sockets", "LocalSockets.ServerSideEmit":
					require.ErrorIs(t, err, core.ErrRefused, "the requester does not wait")
					assert.Less(t, time.Since(began), 4*time.Second)
				default:
					require.NoError(t, err)
				}
				requireCall(t, errs.wait(t, 1)[0], call, how)
				require.NoError(t, ns2.Emit(t.Context(), "b"))
				others["bob"].got.wait(t, 1)
				local.harm.Store(nil)
				for range 3 { // also those that were queued behind it
					require.NoError(t, ns.Emit(t.Context(), "b"))
				}
				assert.Equal(t, []string{`["b"]`, `["b"]`, `["b"]`}, clients["alice"].got.wait(t, 3))
				assert.Len(t, errs.all(), 1)
			})
		}
	}
}

func TestLocalSocketsThatFailForTheirOwnNode(t *testing.T) {
	for how, harm := range harms {
		for call, cause := range localCalls {
			if call == "LocalSockets.ServerSideEmit" { // it is for the other nodes
				continue
			}
			t.Run(how+"/"+call, func(t *testing.T) {
				t.Parallel()
				hub := memory.NewHub()
				var errs log[error]
				registry, clients := crowd("alice")
				local := &harmful{Registry: registry}
				ns := join(t, open(t, hub, func(c *core.Config) { c.ErrorHandler = errs.add }), "/", local)
				far, fars := crowd("bob")
				join(t, open(t, hub), "/", far)
				require.NoError(t, ns.WaitForPeers(t.Context(), 1))
				local.harm.Store(&harm)
				for range 3 { // memory that it used is reused
					returned := make(chan error, 1)
					go func() {
						defer close(returned)
						returned <- cause(t.Context(), ns)
					}()
					if err, ok := <-returned; ok {
						requireCall(t, err, call, how)
					} else {
						require.Equal(t, "Goexit", how)
						all := errs.wait(t, 1)
						requireCall(t, all[len(all)-1], call, how)
					}
				}
				if call == "LocalSockets.Broadcast" {
					fars["bob"].got.wait(t, 3) // the others get the event all the same
				}
				local.harm.Store(nil)
				for range 50 {
					require.NoError(t, ns.Emit(t.Context(), "b"), "a call does not get the outcome of another one")
				}
				clients["alice"].got.wait(t, 50)
			})
		}
	}
}

func TestFailingSocketDoesNotHarmOthers(t *testing.T) {
	for how, harm := range harms {
		t.Run(how, func(t *testing.T) {
			hub := memory.NewHub()
			var errs log[error]
			registry, clients := crowd("a", "b")
			registry.Add(socketFunc(harm))
			clients["c"] = &client{id: "c"}
			registry.Add(clients["c"])
			join(t, open(t, hub, func(c *core.Config) { c.ErrorHandler = errs.add }), "/", registry)
			ns := join(t, open(t, hub), "/", nil)
			require.NoError(t, ns.WaitForPeers(t.Context(), 1))
			require.NoError(t, ns.Emit(t.Context(), "x"))
			for _, c := range clients {
				c.got.wait(t, 1)
			}
			requireCall(t, errs.wait(t, 1)[0], "LocalSockets.Broadcast", how)
			sockets, err := ns.To("a", "b", "c").FetchSockets(t.Context())
			require.NoError(t, err)
			assert.Len(t, sockets, 3)
		})
	}
}

// socketFunc is a socket that does something in place of sending.
type socketFunc func()

func (socketFunc) ID() string          { return "harm" }
func (f socketFunc) Send(*core.Packet) { f() }
func (socketFunc) Disconnect(bool)     {}

func TestRegistryEventsThatFail(t *testing.T) {
	for how, harm := range harms {
		t.Run(how, func(t *testing.T) {
			var joined, left log[string]
			registry := core.NewRegistry(core.RegistryConfig{
				CreateRoom: func(string) { harm() },
				JoinRoom:   func(room, _ string) { joined.add(room) },
				LeaveRoom:  func(room, _ string) { left.add(room) },
			})
			for range 3 {
				done := make(chan any)
				go func() {
					defer close(done)
					defer func() { done <- recover() }()
					registry.Add(&client{id: "a"}, "r", "s")
				}()
				if p := <-done; how != "Goexit" {
					assert.IsType(t, &core.PanicError{}, p)
				}
				<-done
				registry.RemoveID("a")
			}
			assert.Len(t, joined.all(), 9)
			assert.Len(t, left.all(), 9)
			assert.Zero(t, registry.Len())
		})
	}
}

func TestTraceAndHandlersThatFail(t *testing.T) {
	for how, harm := range harms {
		t.Run(how, func(t *testing.T) {
			hub := memory.NewHub()
			b := &bus{Bus: hub}
			var errs log[error]
			var logged atomic.Int64
			c := open(t, b, func(c *core.Config) {
				c.ErrorHandler = func(err error) {
					errs.add(err)
					harm()
				}
				c.Logger = slog.New(logFunc(func() { logged.Add(1); harm() }))
				c.Trace = core.Trace{
					Published:        func(int, int, time.Duration, error) { harm() },
					Received:         func(string, codec.Type, string) { harm() },
					Dropped:          func(*core.DropError) { harm() },
					QueueFull:        func(string, codec.Type) { harm() },
					SessionLost:      func(error) { harm() },
					SessionRecovered: func(*core.GapError) { harm() },
					PeerJoined:       func(string, string) { harm() },
					PeerLeft:         func(string, string, bool) { harm() },
				}
			})
			registry, clients := crowd("alice")
			ns := join(t, c, "/", registry)
			peer := open(t, hub)
			far := join(t, peer, "/", nil)
			require.NoError(t, far.WaitForPeers(t.Context(), 1))
			require.NoError(t, ns.WaitForPeers(t.Context(), 1))
			require.NoError(t, far.Emit(t.Context(), "x"))
			clients["alice"].got.wait(t, 1)
			require.NoError(t, hub.Publish(t.Context(),
				transport.Message{Channel: "socket.io#/", Payload: []byte("{")}))
			failed := func(call string) bool {
				for _, err := range errs.all() {
					var e *core.CallError
					if errors.As(err, &e) && e.Call == call {
						return true
					}
				}
				return false
			}
			have := func(calls ...string) {
				for _, call := range calls {
					require.Eventually(t, func() bool { return failed("Trace." + call) }, 20*time.Second,
						5*time.Millisecond, call)
				}
			}
			have("Published", "Received", "Dropped", "PeerJoined")
			b.sever(&hostile{})
			have("SessionLost", "SessionRecovered")
			require.NoError(t, far.Emit(t.Context(), "y"))
			clients["alice"].got.wait(t, 2)
			shut(t, peer)
			have("PeerLeft")
			assert.Positive(t, logged.Load())
		})
	}
}

// logFunc is a slog.Handler that does something in place of writing.
type logFunc func()

func (logFunc) Enabled(context.Context, slog.Level) bool    { return true }
func (f logFunc) Handle(context.Context, slog.Record) error { f(); return nil }
func (f logFunc) WithAttrs([]slog.Attr) slog.Handler        { return f }
func (f logFunc) WithGroup(string) slog.Handler             { return f }

func TestCustomRequestThatFails(t *testing.T) {
	for how, harm := range harms {
		t.Run(how, func(t *testing.T) {
			hub := memory.NewHub()
			var errs log[error]
			there := join(t, open(t, hub, func(c *core.Config) { c.ErrorHandler = errs.add }), "/", nil)
			here := join(t, open(t, hub), "/", nil)
			require.NoError(t, here.WaitForPeers(t.Context(), 1))
			there.OnCustomRequest(func(codec.Value, func(any)) { harm() })
			_, err := here.CustomRequest(t.Context(), nil)
			require.ErrorIs(t, err, core.ErrRefused)
			requireCall(t, errs.wait(t, 1)[0], "LocalSockets.ServerSideEmit", how)
			there.OnCustomRequest(func(_ codec.Value, answer func(any)) { answer(&hostile{}) })
			values, err := here.CustomRequest(t.Context(), nil)
			require.NoError(t, err)
			require.True(t, values[0].IsNull())
			var p *core.PanicError
			require.ErrorAs(t, errs.wait(t, 2)[1], &p)
			if how != "Goexit" {
				here.OnCustomRequest(func(codec.Value, func(any)) { harm() })
				_, err = here.CustomRequest(t.Context(), nil)
				requireCall(t, err, "OnCustomRequest", how)
			}
		})
	}
}

func TestValueThatCannotBeEncodedIsRefused(t *testing.T) {
	ns := join(t, open(t, memory.NewHub()), "/", nil)
	var p *core.PanicError
	require.ErrorAs(t, ns.Emit(t.Context(), "a", &hostile{}), &p)
	require.ErrorAs(t, ns.EmitAsync("a", &hostile{}), &p)
	require.ErrorAs(t, ns.ServerSideEmit(t.Context(), "a", &hostile{}), &p)
	_, err := ns.EmitWithAck(t.Context(), "a", &hostile{})
	require.ErrorAs(t, err, &p)
	_, err = ns.CustomRequest(t.Context(), &hostile{})
	require.ErrorAs(t, err, &p)
	require.NoError(t, ns.Emit(t.Context(), "a"))
}

// A bus, a store and a codec may be the application's.
func TestBusThatPanics(t *testing.T) {
	hub := memory.NewHub()
	b := &bus{Bus: hub}
	var errs log[error]
	registry, clients := crowd("alice")
	ns := join(t, open(t, b, func(c *core.Config) { c.ErrorHandler = errs.add; c.MinBackoff = time.Millisecond }),
		"/", registry)
	far := join(t, open(t, hub), "/", nil)
	require.NoError(t, ns.WaitForPeers(t.Context(), 1))
	for how, harm := range harms {
		if how == "Goexit" {
			continue // Publish must not
		}
		b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error { harm(); return nil }})
		err := ns.Emit(t.Context(), "a")
		require.ErrorIs(t, err, core.ErrUnconfirmed, how)
		var p *core.PanicError
		require.ErrorAs(t, err, &p, how)
		b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error { return &hostile{} }})
		require.ErrorAs(t, ns.Emit(t.Context(), "a"), &p, how)
		b.heal()
		require.NoError(t, ns.Emit(t.Context(), "a"), how)
	}
	before := len(clients["alice"].got.all())
	require.NoError(t, far.Emit(t.Context(), "b"))
	clients["alice"].got.wait(t, before+1)
}

// harmfulStore is a store whose calls fail.
type harmfulStore struct {
	*memstore.Store
	put, get, expire atomic.Pointer[func()]
}

func strike(f *atomic.Pointer[func()]) {
	if f := f.Load(); f != nil {
		(*f)()
	}
}

func (s *harmfulStore) Put(ctx context.Context, body []byte) (string, error) {
	strike(&s.put)
	return s.Store.Put(ctx, body)
}

func (s *harmfulStore) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	strike(&s.get)
	return s.Store.GetUpTo(ctx, ids, limit)
}

func (s *harmfulStore) Expire(ctx context.Context, age time.Duration) error {
	strike(&s.expire)
	return s.Store.Expire(ctx, age)
}

func TestStoreThatFails(t *testing.T) {
	for how, harm := range harms {
		t.Run(how, func(t *testing.T) {
			hub := memory.NewHub()
			store := &harmfulStore{Store: memstore.NewStore()}
			var errs log[error]
			config := func(c *core.Config) {
				c.Store, c.ErrorHandler, c.PayloadThreshold = store, errs.add, 100
				c.CleanupInterval, c.AttachmentAge = 5*time.Millisecond, time.Hour
			}
			registry, clients := crowd("alice")
			join(t, open(t, hub, config), "/", registry)
			ns := join(t, open(t, hub, config), "/", nil)
			require.NoError(t, ns.WaitForPeers(t.Context(), 1))
			large := strings.Repeat("x", 200)
			store.put.Store(&harm)
			err := ns.Emit(t.Context(), "a", large)
			require.Error(t, err)
			if how == "Goexit" {
				require.ErrorIs(t, err, core.ErrExited)
			} else {
				var p *core.PanicError
				require.ErrorAs(t, err, &p)
			}
			store.put.Store(nil)
			store.get.Store(&harm)
			require.NoError(t, ns.Emit(t.Context(), "a", large))
			var drop *core.DropError
			require.Eventually(t, func() bool {
				for _, err := range errs.all() {
					if errors.As(err, &drop) {
						return true
					}
				}
				return false
			}, 20*time.Second, time.Millisecond)
			assert.Equal(t, core.DropAttachment, drop.Reason)
			store.get.Store(nil)
			before := len(errs.all())
			store.expire.Store(&harm)
			errs.wait(t, before+2) // of more than one interval
			store.expire.Store(nil)
			require.NoError(t, ns.Emit(t.Context(), "b", large))
			clients["alice"].got.wait(t, 1)
		})
	}
}

// harmfulCodec is a codec that panics where it is told to.
type harmfulCodec struct {
	jsonmsgpack.Codec
	parse *atomic.Bool
}

func (c harmfulCodec) Append(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	if env.Args.Event() == "harm" {
		panic("on purpose")
	}
	return c.Codec.Append(dst, env, f)
}

func (c harmfulCodec) Parse(p []byte, f codec.Format) (*codec.Envelope, error) {
	if c.parse.Load() {
		panic("on purpose")
	}
	return c.Codec.Parse(p, f)
}

func TestCodecThatPanics(t *testing.T) {
	hub := memory.NewHub()
	var parse atomic.Bool
	var errs log[error]
	registry, clients := crowd("alice")
	join(t, open(t, hub, func(c *core.Config) { c.Codec, c.ErrorHandler = harmfulCodec{parse: &parse}, errs.add }),
		"/", registry)
	ns := join(t, open(t, hub, func(c *core.Config) { c.Codec = harmfulCodec{parse: new(atomic.Bool)} }), "/", nil)
	require.NoError(t, ns.WaitForPeers(t.Context(), 1))
	var p *core.PanicError
	require.ErrorAs(t, ns.Emit(t.Context(), "harm"), &p)
	parse.Store(true)
	require.NoError(t, ns.Emit(t.Context(), "x"))
	require.ErrorAs(t, errs.wait(t, 1)[0], &p)
	parse.Store(false)
	require.NoError(t, ns.Emit(t.Context(), "y"))
	assert.Equal(t, []string{`["y"]`}, clients["alice"].got.wait(t, 1))
}
