package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/nodejs"
	"github.com/backplane-go/backplane/socketio"
)

// install adds the application to a server. It does the same as node/app.js.
func install(io *socketio.Server, tell func(serverEvent), held *gate) {
	admit := func(s *socketio.Socket) error { return admit(s, tell, held) }
	io.OnNewNamespace(func(ns *socketio.Namespace) {
		if ns.Name() != "/custom" { // node/app.js opens that one first
			tell(serverEvent{What: "namespace", NSP: ns.Name()})
		}
	})
	pattern := io.OfPattern(dynamic)
	guarded := io.OfFunc(func(name string, auth backplane.Value) bool {
		var a struct{ Key string }
		return strings.HasPrefix(name, "/guarded-") && auth.Decode(&a) == nil && a.Key == "open"
	})
	connection := func(s *socketio.Socket) { connected(s, tell) }
	for _, parent := range []*socketio.ParentNamespace{pattern, guarded} {
		parent.Use(admit)
		parent.OnConnection(connection)
	}
	for _, ns := range []*socketio.Namespace{io.Of("/"), io.Of("/custom")} {
		ns.Use(admit)
		ns.OnConnection(connection)
		room := func(kind string) func(room, id string) {
			return func(room, id string) {
				tell(serverEvent{What: "room", NSP: ns.Name(), Kind: kind, Room: room,
					ID: id})
			}
		}
		created, deleted := room("create-room"), room("delete-room")
		ns.OnCreateRoom(func(room string) { created(room, "") })
		ns.OnJoinRoom(room("join-room"))
		ns.OnLeaveRoom(room("leave-room"))
		ns.OnDeleteRoom(func(room string) { deleted(room, "") })
		ns.OnServerSide("inform", func(args ...backplane.Value) {
			tell(serverEvent{What: "serverSide", NSP: ns.Name(), Event: "inform", Args: nodejs.Value{V: plain(args)}})
		})
		ns.OnServerSide("consult", func(question any, ack func(map[string]any)) {
			tell(serverEvent{What: "serverSide", NSP: ns.Name(), Event: "consult",
				Args: nodejs.Value{V: []any{question}}})
			ack(map[string]any{"answer": question})
		})
	}
}

// auth has the parts of the auth payload that the application uses.
type auth struct {
	Refuse  *string
	Details any
	Hold    bool  // the middleware waits for the op "proceed"
	Early   []any // events that the middleware emits
	Rooms   []string
	Data    any
}

// payloadOf returns the auth payload. Clients of version 2 have none in "/", but may have one in their query.
func payloadOf(s *socketio.Socket) backplane.Value {
	if text := s.Query().Get("payload"); text != "" {
		v, err := backplane.NewValue(json.RawMessage(text))
		if err == nil {
			return v
		}
	}
	return s.Auth()
}

func admit(s *socketio.Socket, tell func(serverEvent), held *gate) error {
	var a auth
	_ = payloadOf(s).Decode(&a) // another payload leaves it empty
	for _, value := range a.Early {
		if err := s.Emit("early", value); err != nil {
			return err
		}
	}
	if a.Hold {
		tell(serverEvent{What: "held", NSP: s.Namespace().Name(), ID: s.ID()})
		held.wait()
	}
	if a.Refuse == nil {
		return nil
	}
	return &socketio.Error{Message: *a.Refuse, Data: a.Details}
}

// gate blocks callers until it is opened.
type gate struct {
	mu   sync.Mutex // guards open
	open chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) wait() {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	<-open
}

// proceed releases the callers that wait.
func (g *gate) proceed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.open)
	g.open = make(chan struct{})
}

func connected(s *socketio.Socket, tell func(serverEvent)) {
	var a auth
	var whole any
	_, _ = payloadOf(s).Decode(&a), payloadOf(s).Decode(&whole)
	if !s.Recovered() {
		s.Join(a.Rooms...)
		if a.Data != nil {
			s.SetData(a.Data)
		}
	}
	h := s.Handshake()
	query := make(map[string]string)
	for name, value := range h.Query {
		query[name] = fmt.Sprint(value)
	}
	nsp, id := s.Namespace().Name(), s.ID()
	tell(serverEvent{What: "connection", NSP: nsp, ID: id, Recovered: s.Recovered(), Transport: s.Transport(),
		Auth:  nodejs.Value{V: whole},
		Query: query, Address: h.Address, URL: h.URL, Secure: h.Secure, Header: s.Header().Get("X-Test"),
		Data: nodejs.Value{V: s.Data()}, Rooms: s.Rooms()})
	s.Use(func(args backplane.Args) error {
		if args.Event() == "forbidden" {
			return &socketio.Error{Message: "you must not"}
		}
		return nil
	})
	s.OnAny(func(event string, args backplane.Args) {
		values, err := args.Values()
		switch {
		case err != nil:
			event = "undecodable: " + err.Error()
		case event == "deep":
			values = nil
		}
		tell(serverEvent{What: "event", NSP: nsp, ID: id, Event: event, Args: nodejs.Value{V: plain(values)}})
	})
	s.OnDisconnecting(func(reason string) {
		tell(serverEvent{What: "disconnecting", NSP: nsp, ID: id, Reason: reason, Rooms: s.Rooms()})
	})
	s.OnDisconnect(func(reason string) { tell(serverEvent{What: "disconnect", NSP: nsp, ID: id, Reason: reason}) })
	handle(s)
}

// handle registers the socket's handlers, with all kinds of signatures.
func handle(s *socketio.Socket) {
	s.On("echo", func(value backplane.Value, ack func(backplane.Value)) { ack(value) })
	s.On("echo3", func(a, b, c any, ack func(any, any, any)) { ack(a, b, c) })
	s.On("nothing", func(ack func()) { ack() })
	s.On("twice", func(value string, ack func(string)) {
		ack(value)
		ack("once more")
	})
	s.On("all", func(ack socketio.Ack, args ...any) { ack(append(args, len(args))...) })
	s.On("auth", func(ack func(backplane.Value)) { ack(s.Auth()) })
	s.On("back", func(value backplane.Value) error { return s.Emit("back", value) })
	s.On("ask me", func(ctx context.Context, value any, ack func(backplane.Value)) error {
		answer, err := s.EmitWithAck(ctx, "question", value)
		if err == nil {
			ack(answer)
		}
		return err
	})
	s.On("count", func(n int) error {
		for i := range n {
			if err := s.Emit("number", i); err != nil {
				return err
			}
		}
		return nil
	})
	s.Once("once", func(ack func()) { ack() })
}

// plain returns the decoded values.
func plain(values []backplane.Value) []any {
	out := make([]any, len(values))
	for i, v := range values {
		if err := v.Decode(&out[i]); err != nil {
			out[i] = err.Error()
		}
	}
	return out
}
