package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// hostile is an error, and a value, whose methods panic, even if it is nil.
type hostile struct{ p *int }

func (h *hostile) Error() string               { return fmt.Sprint(*h.p) }
func (h *hostile) Is(error) bool               { panic(h) }
func (h *hostile) As(any) bool                 { panic(h) }
func (h *hostile) Unwrap() error               { panic(h) }
func (h *hostile) LogValue() slog.Value        { panic(h) }
func (h *hostile) UnmarshalJSON([]byte) error  { panic(h) }
func (h hostile) MarshalText() ([]byte, error) { return nil, fmt.Errorf("%d", *h.p) }

// exits is an error whose text ends the calling goroutine.
type exits struct{}

func (exits) Error() string { runtime.Goexit(); return "" }

// marshals calls a function instead of encoding itself.
type marshals func()

func (m marshals) MarshalJSON() ([]byte, error) { m(); return []byte("1"), nil }

// readsItself is an argument that cannot be decoded.
type readsItself struct{}

var decode func() // TestFailingFunctions sets it, so that test is not parallel

func (*readsItself) UnmarshalJSON([]byte) error { decode(); return nil }

// harms are the ways in which a function of the application can fail.
var harms = map[string]func(){
	"Panic":          func() { panic("told to") },
	"PanicOfAnError": func() { panic(&socketio.Error{Message: "told to"}) },
	"PanicOfHostile": func() { panic((*hostile)(nil)) },
	"PanicOfExits":   func() { panic(exits{}) },
	"PanicOfNil":     func() { panic(nil) }, //nolint:govet // this is what is tested
	"NilDereference": func() { var p *int; *p = 1 },
	"Goexit":         runtime.Goexit,
}

// stage is the fixture of a test case: two nodes, a and b. The failing function is on a. The client p has joined a;
// s is its socket.
type stage struct {
	t    *testing.T
	a, b *node
	p    *peer
	s    *socketio.Socket
	harm func()
}

const failed = `[{"error":"internal error"}]`

// acts are the test cases: each makes the server call a failing function. event is the name of the function in the
// report.
var acts = map[string]struct {
	event string
	play  func(s stage)
}{
	"Handler": {"e", func(s stage) {
		s.s.On("e", func(func()) { s.harm() })
		s.p.send(`21["e"]`)
		s.p.expect(`31` + failed)
	}},
	"HandlerByReflection": {"e", func(s stage) {
		s.s.On("e", func(context.Context, float32, func(int)) error { s.harm(); return nil })
		s.p.send(`21["e",1]`)
		s.p.expect(`31` + failed)
	}},
	"HandlerBeforeAnother": {"e", func(s stage) {
		s.s.On("e", s.harm)
		s.s.On("e", func() { _ = s.s.Emit("after") })
		s.p.send(`2["e"]`)
		s.p.expect(`2["after"]`)
	}},
	"OnAny": {"e", func(s stage) {
		s.s.OnAny(func(string, backplane.Args) { s.harm() })
		s.s.On("e", func(ack func(string)) { ack("yes") })
		s.p.send(`21["e"]`)
		s.p.expect(`31["yes"]`)
	}},
	"OnAnyOutgoing": {"e", func(s stage) {
		s.s.OnAnyOutgoing(func(string, backplane.Args) { s.harm() })
		require.NoError(s.t, s.s.Emit("e"))
		s.p.expect(`2["e"]`)
	}},
	"OnAnyOutgoingOfABroadcast": {"e", func(s stage) {
		s.s.OnAnyOutgoing(func(string, backplane.Args) { s.harm() })
		require.NoError(s.t, s.b.Emit(s.t.Context(), "e"))
		s.p.expect(`2["e"]`)
	}},
	"MiddlewareOfASocket": {"e", func(s stage) {
		s.s.Use(func(args backplane.Args) error {
			if args.Event() == "e" {
				s.harm()
			}
			return nil
		})
		s.s.On("e", func() { s.t.Error("the handler was called although it must not be") })
		s.p.send(`21["e"]`)
		s.p.expect(`31` + failed)
	}},
	"MiddlewareOfANamespace": {"middleware", func(s stage) {
		s.a.Of("/n").Use(func(*socketio.Socket) error { s.harm(); return nil })
		s.p.send(`0/n,`)
		s.p.expect(`4/n,{"message":"internal error"}`)
	}},
	"DataOfAMiddlewaresError": {"middleware", func(s stage) {
		s.a.Of("/n").Use(func(*socketio.Socket) error { return &socketio.Error{Message: "no", Data: marshals(s.harm)} })
		s.p.send(`0/n,`)
		s.p.expect(`4/n,{"message":"no"}`)
	}},
	"OnConnection": {"connection", func(s stage) {
		n := s.a.Of("/n")
		n.OnConnection(func(*socketio.Socket) { s.harm() })
		joined := connected(n)
		s.p.join("/n", "")
		joined.next(s.t)
		s.p.sync("/n")
	}},
	"OnDisconnecting": {"disconnecting", func(s stage) {
		reasons := newEvents[string]()
		s.s.OnDisconnecting(func(string) { s.harm() })
		s.s.OnDisconnecting(reasons.add)
		s.s.OnDisconnect(reasons.add)
		s.p.send(`1`)
		require.Equal(s.t, "client namespace disconnect", reasons.next(s.t))
		require.Equal(s.t, "client namespace disconnect", reasons.next(s.t))
		require.Zero(s.t, s.a.SocketsCount())
		s.p.join("", "")
	}},
	"OnDisconnect": {"disconnect", func(s stage) {
		reasons := newEvents[string]()
		s.s.OnDisconnect(func(string) { s.harm() })
		s.s.OnDisconnect(reasons.add)
		require.NoError(s.t, s.p.conn.Close())
		require.Equal(s.t, "transport close", reasons.next(s.t))
	}},
	"Acknowledgement": {"acknowledgement", func(s stage) {
		s.s.On("e", func(ack func(any)) { ack(marshals(s.harm)) })
		s.p.send(`21["e"]`)
		s.p.expect(`31` + failed)
	}},
	"AcknowledgementByAnotherGoroutine": {"acknowledgement", func(s stage) {
		s.s.On("e", func(ack func(any)) { go ack(marshals(s.harm)) })
		s.p.send(`21["e"]`)
		s.p.expect(`31` + failed)
	}},
	"DataOfAHandlersError": {"acknowledgement", func(s stage) {
		s.s.On("e", func(func()) error { return &socketio.Error{Message: "no", Data: marshals(s.harm)} })
		s.p.send(`21["e"]`)
		s.p.expect(`31[{"error":"no"}]`)
	}},
	"Argument": {"e", func(s stage) {
		decode = s.harm
		s.s.On("e", func(readsItself, func()) { s.t.Error("the handler was called although it must not be") })
		s.p.send(`21["e","x"]`)
		s.p.expect(`31` + failed)
	}},
	"OfFunc": {"namespace", func(s stage) {
		s.a.OfFunc(func(name string, _ backplane.Value) bool {
			if name == "/n" {
				s.harm()
			}
			return name == "/n"
		})
		s.p.send(`0/n,`)
		s.p.expect(`4/n,{"message":"Invalid namespace"}`)
	}},
	"OnNewNamespace": {"new namespace", func(s stage) {
		s.a.OnNewNamespace(func(*socketio.Namespace) { s.harm() })
		s.a.Of("/n")
		s.p.join("/n", "")
	}},
	"OnJoinRoom": {"join-room", func(s stage) {
		s.a.OnJoinRoom(func(room, _ string) {
			if room == "r" {
				s.harm()
			}
		})
		require.NoError(s.t, s.b.SocketsJoin(s.t.Context(), "r"))
		eventually(s.t, "the socket has joined the room", func() bool { return len(s.s.Rooms()) == 2 })
	}},
	"OnServerSide": {"e", func(s stage) {
		s.a.OnServerSide("e", s.harm)
		answered := newEvents[bool]()
		s.a.OnServerSide("e", func() { answered.add(true) })
		require.NoError(s.t, s.b.ServerSideEmit(s.t.Context(), "e"))
		answered.next(s.t)
	}},
	"AnswerToAServer": {"e", func(s stage) {
		s.a.OnServerSide("e", func(ack func(any)) {
			defer ack("too late")
			ack(marshals(s.harm))
		})
		answers, err := s.b.ServerSideEmitWithAck(s.t.Context(), "e")
		require.NoError(s.t, err)
		require.Len(s.t, answers, 1)
		require.True(s.t, answers[0].IsNull())
	}},
	"Data": {"data", func(s stage) {
		s.s.SetData(marshals(s.harm))
		for _, n := range []*node{s.b, s.a} {
			sockets, err := n.FetchSockets(s.t.Context())
			require.NoError(s.t, err)
			require.Len(s.t, sockets, 1)
			require.Equal(s.t, `{}`, sockets[0].Data().String())
		}
		s.a.errors.next(s.t) // the other node's error is checked with those of all acts
	}},
	"Admit": {"Admit", func(s stage) {
		response, err := http.Get(s.a.url + "/socket.io/?EIO=4&transport=polling&harm=Admit")
		require.NoError(s.t, err)
		require.NoError(s.t, response.Body.Close())
		require.Equal(s.t, http.StatusForbidden, response.StatusCode)
	}},
	"ClientAddress": {"ClientAddress", func(s stage) {
		response, err := http.Get(s.a.url + "/socket.io/?EIO=4&transport=polling&harm=ClientAddress")
		require.NoError(s.t, err)
		require.NoError(s.t, response.Body.Close())
		require.Equal(s.t, http.StatusOK, response.StatusCode)
	}},
}

func TestFailingFunctions(t *testing.T) {
	for how, harm := range harms {
		for name, act := range acts {
			t.Run(how+"/"+name, func(t *testing.T) {
				harmIf := func(r *http.Request, what string) {
					if r.URL.Query().Get("harm") == what {
						harm()
					}
				}
				a, b := pair(t, func(c *socketio.Config) {
					c.Admit = func(r *http.Request) error { harmIf(r, "Admit"); return nil }
					c.ClientAddress = func(r *http.Request) string { harmIf(r, "ClientAddress"); return r.RemoteAddr }
				})
				joined := connected(a.Namespace)
				p := connect(t, a)
				s := joined.next(t)
				act.play(stage{t: t, a: a, b: b, p: p, s: s, harm: harm})

				var e *socketio.HandlerError
				require.ErrorAs(t, a.errors.next(t), &e)
				assert.Equal(t, act.event, e.Event)
				if how == "Goexit" {
					require.ErrorIs(t, e, socketio.ErrExited)
				} else {
					var panicked *socketio.PanicError
					require.ErrorAs(t, e, &panicked)
					assert.Contains(t, string(panicked.Stack), "panics_test.go")
				}
				switch {
				// called several times, and they report the refusal
				case act.event == "ClientAddress", act.event == "Admit":
				// the handler that has waited for it has ended, too
				case how == "Goexit" && (act.event == "acknowledgement" || name == "AnswerToAServer"):
				default:
					a.errors.none(t)
				}
				connect(t, a).sync("") // other clients are served
				if name != "OnDisconnect" && name != "OnDisconnecting" {
					p.sync("") // and this one, too
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				require.NoError(t, a.Shutdown(ctx), "Shutdown must not wait: no client is left")
			})
		}
	}
}

// An error whose methods panic is a bug in the application. The client does not get its text.
func TestErrorsWhoseMethodsPanic(t *testing.T) {
	for name, err := range map[string]error{
		"TypedNil":         (*hostile)(nil),
		"NilOfOurs":        (*socketio.Error)(nil),
		"Wrapped":          fmt.Errorf("x: %w", (*hostile)(nil)),
		"Joined":           errors.Join(errors.New("x"), &hostile{}),
		"PanicsWithItself": &hostile{},
		"EndsItsGoroutine": exits{},
		"WithAPanicOfAValue": func() error {
			_,
				err := backplane.NewValue(marshals(func() { panic("x") }))
			return err
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, func(c *socketio.Config) {
				c.Admit = func(r *http.Request) error {
					if r.URL.Query().Has("refused") {
						return err
					}
					return nil
				}
			})
			joined := connected(n.Namespace)
			n.Of("/n").Use(func(*socketio.Socket) error { return err })
			p := connect(t, n)
			s := joined.next(t)
			reported := func(event string) {
				var e *socketio.HandlerError
				require.ErrorAs(t, n.errors.next(t), &e)
				require.Equal(t, event, e.Event)
				if name == "EndsItsGoroutine" {
					require.ErrorIs(t, e, socketio.ErrExited)
					return
				}
				var panicked *socketio.PanicError
				require.ErrorAs(t, e, &panicked)
			}
			p.send(`0/n,`)
			p.expect(`4/n,{"message":"internal error"}`)
			reported("middleware")
			s.On("e", func(func()) error { return err })
			p.send(`21["e"]`)
			p.expect(`31` + failed)
			reported("e")
			s.Use(func(args backplane.Args) error {
				if args.Event() == "f" {
					return err
				}
				return nil
			})
			p.send(`22["f"]`)
			p.expect(`32` + failed)
			reported("f")
			response, e := http.Get(n.url + "/socket.io/?EIO=4&transport=websocket&refused")
			require.NoError(t, e)
			require.NoError(t, response.Body.Close())
			p.sync("")
		})
	}
}

// ErrorHandler, Audit and the handler of the log may fail, too.
func TestFailingReports(t *testing.T) {
	for how, harm := range harms {
		t.Run(how, func(t *testing.T) {
			told := newEvents[error]()
			n := serve(t, func(c *socketio.Config) {
				c.ErrorHandler = func(err error) {
					told.add(err)
					harm()
				}
				c.Audit = func(socketio.AuditEvent) { harm() }
				c.Logger = slog.New(badLog(harm))
			})
			joined := connected(n.Namespace)
			p := connect(t, n)
			s := joined.next(t)
			s.On("e", func(func()) error { return errors.New("x") })
			p.send(`21["e"]`)
			p.expect(`31` + failed)
			p.send(`3999[]`)
			response, err := http.Get(n.url + "/socket.io/?EIO=3&transport=polling")
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			for seen := map[string]bool{}; !seen["e"] || !seen["audit"]; {
				var e *socketio.HandlerError
				if errors.As(told.next(t), &e) {
					seen[e.Event] = true
				}
			}
			p.sync("")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			require.NoError(t, n.Shutdown(ctx))
		})
	}
}

// badLog is a slog.Handler that calls a function instead of writing.
type badLog func()

func (badLog) Enabled(context.Context, slog.Level) bool    { return true }
func (f badLog) Handle(context.Context, slog.Record) error { f(); return nil }
func (f badLog) WithAttrs([]slog.Attr) slog.Handler        { return f }
func (f badLog) WithGroup(string) slog.Handler             { return f }

// Methods that the application calls return an error for a value that panics, and send nothing.
func TestValuesWhoseMethodsPanic(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	bad := marshals(func() { panic("told to") })
	var panicked *socketio.PanicError
	require.ErrorAs(t, s.Emit("e", bad), &panicked)
	require.ErrorAs(t, n.Emit(t.Context(), "e", []any{[]byte{1}, bad}), &panicked)
	require.ErrorAs(t, s.Broadcast().Emit(t.Context(), "e", map[hostile]int{{}: 1}), &panicked)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := s.EmitWithAck(ctx, "e", bad)
	require.ErrorAs(t, err, &panicked)
	p.sync("")
	n.errors.none(t)
}
