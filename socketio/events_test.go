package socketio_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

func TestEventsReachTypedHandlers(t *testing.T) {
	n := serve(t)
	type message struct {
		Text string `json:"text"`
	}
	got := newEvents[any]()
	n.OnConnection(func(s *socketio.Socket) {
		s.On("message", func(ctx context.Context, m message, ack func(string)) error {
			require.NoError(t, ctx.Err())
			got.add(m)
			ack("got " + m.Text)
			ack("twice")
			return nil
		})
		s.On("file", func(name string, data []byte) { got.add([]any{name, data}) })
		s.On("raw", func(v backplane.Value, ack func(backplane.Value, int)) { ack(v, 2) })
		s.On("bytes", func(ack func([]byte)) { ack([]byte{1, 2}) })
		s.On("later", func(ack func()) { go ack() })
		s.On("many", func(ack func(message)) {
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() { ack(message{"one"}) })
			}
			group.Wait()
		})
	})
	p := connect(t, n)
	p.send(`27["message",{"text":"hi"}]`)
	p.expect(`37["got hi"]`)
	assert.Equal(t, message{"hi"}, got.next(t))
	p.send(`2["message",{"text":"no ack"},"surplus"]`)
	assert.Equal(t, message{"no ack"}, got.next(t))
	p.send(`51-["file","x",{"_placeholder":true,"num":0}]`)
	p.sendBinary("data")
	assert.Equal(t, []any{"x", []byte("data")}, got.next(t))
	p.send(`28["raw",{"a":1}]`)
	p.expect(`38[{"a":1},2]`)
	p.send(`29["bytes"]`)
	p.expect(`61-9[{"_placeholder":true,"num":0}]`, "b:\x01\x02")
	p.send(`210["later"]`)
	p.expect(`310[]`)
	p.send(`211["nobody listens"]`)
	p.send(`212["later"]`)
	p.expect(`312[]`)
	p.send(`213["many"]`)
	p.expect(`313[{"text":"one"}]`)
	p.send(`214["later"]`)
	p.expect(`314[]`)
}

func TestEventsOfOneSocketKeepTheirOrder(t *testing.T) {
	n := serve(t)
	got := newEvents[int]()
	n.OnConnection(func(s *socketio.Socket) {
		for i := range 100 {
			require.NoError(t, s.Emit("n", i))
		}
		s.On("n", got.add)
	})
	p := dial(t, n)
	p.join("", "") // before all events
	for i := range 100 {
		p.send(`2["n",%d]`, i)
	}
	for i := range 100 {
		p.expect(`2["n",` + string(backplaneJSON(t, i)) + `]`)
		assert.Equal(t, i, got.next(t))
	}
}

func backplaneJSON(t *testing.T, v any) []byte {
	t.Helper()
	value, err := backplane.NewValue(v)
	require.NoError(t, err)
	text, err := value.JSON()
	require.NoError(t, err)
	return text
}

func TestErrorsOfHandlersAreAnsweredAndReported(t *testing.T) {
	n := serve(t)
	secret := errors.New("secret")
	n.OnConnection(func(s *socketio.Socket) {
		s.Use(func(args backplane.Args) error {
			switch args.Event() {
			case "forbidden":
				return &socketio.Error{Message: "forbidden"}
			case "panic in middleware":
				panic("oops")
			}
			return nil
		})
		s.On("number", func(i int, ack func(int)) { ack(i) })
		s.On("fails", func() error { return secret })
		s.On("answers, then fails", func(ack func(string)) error {
			ack("fine")
			return secret
		})
		s.On("refuses", func() error { return &socketio.Error{Message: "no", Data: []int{1}} })
		s.On("panics", func() { panic(secret) })
		s.On("unanswerable", func(ack func(any)) { ack(make(chan int)) })
		s.On("forbidden", func() {
			assert.Fail(t,
				"the handler was called although a middleware has refused the event")
		})
		s.On("panic in middleware", func() {
			assert.Fail(t,
				"the handler was called although a middleware has panicked")
		})
	})
	p := connect(t, n)
	for _, c := range []struct {
		send, answer string
		reported     bool
		is           error
	}{
		{`21["number","x"]`, "", true, nil},
		{`21["number"]`, "", true, nil},
		{`21["fails"]`, `31[{"error":"internal error"}]`, true, secret},
		{`21["answers, then fails"]`, `31["fine"]`, true, secret},
		{`21["refuses"]`, `31[{"error":"no","data":[1]}]`, false, nil},
		{`21["panics"]`, `31[{"error":"internal error"}]`, true, secret},
		{`21["unanswerable"]`, `31[{"error":"internal error"}]`, true, nil},
		{`21["forbidden"]`, `31[{"error":"forbidden"}]`, false, nil},
		{`21["panic in middleware"]`, `31[{"error":"internal error"}]`, true, nil},
	} {
		p.send("%s", c.send)
		answer := p.next()
		if c.answer != "" {
			assert.Equal(t, c.answer, answer)
		} else {
			assert.Contains(t, answer, `31[{"error":"argument 1 of \"number\": want int, got `)
		}
		if c.reported {
			var e *socketio.HandlerError
			require.ErrorAs(t, n.errors.next(t), &e, "%s", c.send)
			assert.Equal(t, "/", e.Namespace)
			assert.NotEmpty(t, e.Socket)
			if c.is != nil {
				assert.ErrorIs(t, e, c.is)
			}
		}
		n.errors.none(t)
	}
	p.send(`2["number","x"]`)
	var argument *socketio.ArgumentError
	require.ErrorAs(t, n.errors.next(t), &argument)
	p.send(`21["number",5]`)
	p.expect(`31[5]`)
}

func TestOnceOffAndAny(t *testing.T) {
	n := serve(t)
	got := newEvents[string]()
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	s.Once("x", func() { got.add("once") })
	s.On("x", func() { got.add("first") })
	s.On("x", func() { got.add("second") })
	s.OnAny(func(event string, args backplane.Args) { got.add("any " + args.String()) })
	p.send(`2["x",1]`)
	p.send(`2["x",2]`)
	p.send(`2["other"]`)
	p.sync("")
	for _, want := range []string{`any ["x",1]`, "once", "first", "second", `any ["x",2]`, "first", "second",
		`any ["other"]`, `any ["sync"]`} {
		assert.Equal(t, want, got.next(t))
	}
	s.Off("x")
	s.OffAny()
	p.send(`2["x",3]`)
	p.sync("")
	got.none(t)

	assert.Panics(t, func() { s.On("disconnect", func() {}) })
	assert.Panics(t, func() { s.On("x", 5) })
}

func TestOnAnyOutgoing(t *testing.T) {
	n := serve(t)
	got := newEvents[string]()
	joined := connected(n.Namespace)
	p := connect(t, n)
	s := joined.next(t)
	s.OnAnyOutgoing(func(event string, args backplane.Args) { got.add(args.String()) })
	require.NoError(t, s.Emit("mine", 1))
	require.NoError(t, n.Emit(t.Context(), "all", 2))
	go func() {
		p.expect(`2["mine",1]`, `2["all",2]`, `20["asked"]`)
		p.send(`30["yes"]`)
	}()
	answers, err := n.EmitWithAck(t.Context(), "asked")
	require.NoError(t, err)
	require.Len(t, answers, 1)
	for _, want := range []string{`["mine",1]`, `["all",2]`, `["asked"]`} {
		assert.Equal(t, want, got.next(t))
	}
	s.OffAnyOutgoing()
	require.NoError(t, s.Emit("quiet"))
	got.none(t)
}

func TestEmitReturnsAnErrorForInvalidEvents(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	connect(t, n)
	s := joined.next(t)
	var reserved *backplane.ReservedEventError
	require.ErrorAs(t, s.Emit("disconnect"), &reserved)
	require.Error(t, s.Emit("x", make(chan int)))
	_, err := s.EmitWithAck(t.Context(), "connect")
	require.ErrorAs(t, err, &reserved)
}
