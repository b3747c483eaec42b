package socketio_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// A program that misuses the API gets an error or a panic at the call, with the names that the program uses.
func TestMisuseFailsAtTheCall(t *testing.T) {
	n := serve(t)
	joined := connected(n.Namespace)
	connect(t, n)
	s := joined.next(t)
	for want, f := range map[string]func(){
		`socketio: On("a"): a handler must be a func, not nil`: func() { s.On("a", nil) },
		`socketio: On("a"): the handler, a func(), is nil`:     func() { s.Once("a", (func())(nil)) },
		`socketio: OnServerSide("a"): a func(int) int cannot be a handler: it returns int; ` +
			`a handler returns an error or nothing`: func() { n.OnServerSide("a", func(int) int { return 0 }) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
	for _, f := range []func(){
		func() { n.Use(nil) }, func() { n.OnConnection(nil) }, func() { n.OnNewNamespace(nil) },
		func() { n.OnJoinRoom(nil) },
		func() { s.Use(nil) }, func() { s.OnAny(nil) }, func() { s.PrependAnyOutgoing(nil) },
		func() { s.OnDisconnect(nil) },
		func() { n.OfFunc(func(string, backplane.Value) bool { return true }).Use(nil) },
	} {
		assert.PanicsWithValue(t, "socketio: the func is nil", f)
	}
	require.EqualError(t, n.Timeout(-time.Second).Emit(t.Context(), "a"), "backplane: a timeout of -1s is negative")
	require.EqualError(t, s.Timeout(-time.Second).Emit("a"), "backplane: a timeout of -1s is negative")
	require.EqualError(t, socketio.Sender{}.Emit("a"),
		"backplane: a zero Sender has no socket: use one that a Socket has returned")
	require.EqualError(t, socketio.ParentTarget{}.Emit(t.Context(), "a"),
		"backplane: a zero ParentTarget has no namespaces: use one that a ParentNamespace has returned")
	s.Off("nothing")
	n.OffServerSide("nothing")
}
