package core_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

// pair opens two nodes that know each other, with clients a1, a2 and b1, b2.
func pair(t *testing.T) (a, b *core.Namespace, clients map[string]*client) {
	t.Helper()
	hub := memory.NewHub()
	ra, clients := crowd("a1", "a2")
	rb, others := crowd("b1", "b2")
	for id, c := range others {
		clients[id] = c
	}
	ra.JoinID("a1", "x")
	rb.JoinID("b1", "x", "y")
	a, b = join(t, open(t, hub), "/", ra), join(t, open(t, hub), "/", rb)
	require.NoError(t, a.WaitForPeers(t.Context(), 1))
	require.NoError(t, b.WaitForPeers(t.Context(), 1))
	return a, b, clients
}

func TestOldAdapterRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, clients := pair(t)
		ctx := t.Context()
		got, err := a.Clients(ctx)
		require.NoError(t, err)
		assert.Equal(t, []string{"a1", "a2", "b1", "b2"}, got)
		got, err = a.Clients(ctx, "x")
		require.NoError(t, err)
		assert.Equal(t, []string{"a1", "b1"}, got)
		got, err = a.AllRooms(ctx)
		require.NoError(t, err)
		assert.Equal(t, []string{"a1", "a2", "b1", "b2", "x", "y"}, got)

		require.NoError(t, a.RemoteJoin(ctx, "b2", "z"))
		got, err = a.ClientRooms(ctx, "b2")
		require.NoError(t, err)
		assert.Equal(t, []string{"b2", "z"}, got, "RemoteJoin returns after the socket has joined")
		require.NoError(t, a.RemoteLeave(ctx, "b2", "z"))
		got, err = a.ClientRooms(ctx, "b2")
		require.NoError(t, err)
		assert.Equal(t, []string{"b2"}, got)
		require.NoError(t, a.RemoteDisconnect(ctx, "b1", true))
		synctest.Wait()
		assert.Equal(t, []bool{true}, clients["b1"].kicked.all())

		for _, unknown := range []string{"nobody", "x"} { // x is a room, not a socket
			_, err = a.ClientRooms(ctx, unknown)
			assert.ErrorIs(t, err, core.ErrSocketNotFound)
			assert.ErrorIs(t, a.RemoteJoin(ctx, unknown, "z"), core.ErrSocketNotFound)
			assert.ErrorIs(t, a.RemoteLeave(ctx, unknown, "z"), core.ErrSocketNotFound)
			assert.ErrorIs(t, a.RemoteDisconnect(ctx, unknown, false), core.ErrSocketNotFound)
		}
	})
}

func TestCustomRequestAsksEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		a.OnCustomRequest(func(data codec.Value, answer func(any)) { answer("a got " + data.String()) })
		b.OnCustomRequest(func(data codec.Value, answer func(any)) {
			time.AfterFunc(time.Second, func() { answer("b got " + data.String()); answer("again") })
		})
		start := time.Now()
		got, err := a.CustomRequest(t.Context(), map[string]int{"n": 1})
		require.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(start), "CustomRequest returns with the last answer")
		require.Len(t, got, 2)
		var texts [2]string
		require.NoError(t, got[0].Decode(&texts[0]))
		require.NoError(t, got[1].Decode(&texts[1]))
		assert.Equal(t, [2]string{`a got {"n":1}`, `b got {"n":1}`}, texts, "this node's answer is first")
	})
}

func TestCustomRequestNamesNodesThatDoNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		a.OnCustomRequest(func(_ codec.Value, answer func(any)) { answer(1) })
		start := time.Now()
		got, err := a.CustomRequest(t.Context(), nil)
		assert.Equal(t, 5*time.Second, time.Since(start))
		var partial *core.PartialError
		require.ErrorAs(t, err, &partial)
		assert.Equal(t, []string{b.UID()}, partial.Missing)
		assert.Len(t, got, 1)
		_, err = a.CustomRequest(t.Context(), make(chan int))
		assert.Error(t, err, "a value that cannot be encoded is an error")
	})
}

func TestCustomRequestIsAServerSideEmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		b.OnCustomRequest(func(data codec.Value, answer func(any)) { answer(data) })
		got, err := a.ServerSideEmitWithAck(t.Context(), core.CustomRequestEvent, "from Node.js")
		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.Equal(t, `"from Node.js"`, got[0].String())
		b.OnCustomRequest(nil)
		_, err = a.Timeout(time.Second).ServerSideEmitWithAck(t.Context(), core.CustomRequestEvent)
		assert.ErrorIs(t, err, core.ErrTimeout, "without a handler the event goes to LocalSockets, like any other")
	})
}

func TestReservedEventsAreRefused(t *testing.T) {
	ns := join(t, open(t, memory.NewHub()), "/", nil)
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener",
		"removeListener"} {
		var reserved *core.ReservedEventError
		require.ErrorAs(t, ns.Emit(t.Context(), name), &reserved)
		assert.EqualError(t, reserved, `"`+name+`" is a reserved event name`)
		assert.ErrorAs(t, ns.EmitAsync(name), &reserved)
		assert.ErrorAs(t, ns.ServerSideEmit(t.Context(), name), &reserved)
		_, err := ns.EmitWithAck(t.Context(), name)
		assert.ErrorAs(t, err, &reserved)
		_, err = ns.ServerSideEmitWithAck(t.Context(), name)
		assert.ErrorAs(t, err, &reserved)
	}
}

func TestTargetsAreImmutable(t *testing.T) {
	registry, clients := crowd("a", "b", "c")
	ns := join(t, open(t, memory.NewHub()), "/", registry)
	base := ns.To("a")
	ab, ac := base.To("b"), base.In("c")
	require.NoError(t, ab.Except("c").Emit(t.Context(), "ab"))
	require.NoError(t, ac.Emit(t.Context(), "ac"))
	require.NoError(t, base.Emit(t.Context(), "a"))
	for id, want := range map[string][]string{"a": {`["ab"]`, `["ac"]`, `["a"]`}, "b": {`["ab"]`}, "c": {`["ac"]`}} {
		if got := clients[id].got.all(); !slices.Equal(got, want) {
			t.Errorf("client %s got %v, want %v: a Target that was derived from another must not change it", id, got,
				want)
		}
	}
}
