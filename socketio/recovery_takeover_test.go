package socketio_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// The client reconnects while a handler of its old socket still runs. Its session moves at once, and from then on
// the calls of the handler act on the new socket.
func TestRecoveryWhileAHandlerRuns(t *testing.T) {
	for _, lost := range []string{"TheLossWasNoticed", "TheLossWasNotNoticed"} {
		t.Run(lost, func(t *testing.T) {
			n, joined, gone := recoverable(t)
			r := enter(t, n, "")
			old := joined.next(t)
			entered, proceed, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
			old.On("slow", func() {
				defer close(done)
				close(entered)
				<-proceed
				assert.NoError(t, old.Join("late"))
				old.Leave("left")
				old.SetData("late")
				assert.NoError(t, old.Emit("by the old socket"))
				assert.NoError(t, old.Volatile().Emit("x"))
				_, err := old.EmitWithAck(t.Context(), "x")
				assert.ErrorIs(t, err, socketio.ErrDisconnected)
			})
			require.NoError(t, old.Join("room", "left"))
			old.SetData("data")
			require.NoError(t, old.Emit("seen"))
			require.Equal(t, "seen", r.event())
			r.send(`2["slow"]`)
			<-entered
			if lost == "TheLossWasNoticed" {
				require.NoError(t, r.conn.Close())
				<-old.Context().Done()
			}
			require.NoError(t, n.To("room").Emit(t.Context(), "missed"))

			back := enter(t, n, r.auth())
			again := joined.next(t) // although the handler runs
			<-old.Context().Done()
			require.Equal(t, r.id, back.id)
			require.Equal(t, r.pid, back.pid)
			require.True(t, again.Recovered())
			require.Equal(t, "data", again.Data())
			require.ElementsMatch(t, []string{r.id, "room", "left"}, again.Rooms())
			require.Equal(t, "missed", back.event())
			require.False(t, old.Connected())
			gone.none(t)
			close(proceed)
			<-done
			assert.Equal(t, "transport close", gone.next(t))
			require.Equal(t, "by the old socket", back.event())
			require.Equal(t, "x", back.event())
			require.Equal(t, "late", again.Data())
			require.ElementsMatch(t, []string{r.id, "room", "late"}, again.Rooms())
			require.NoError(t, n.To("late").Emit(t.Context(), "to a room of the old socket"))
			require.Equal(t, "to a room of the old socket", back.event())
			require.Equal(t, 1, n.SocketsCount())
		})
	}
}

// The client reconnects before the server has noticed that its connection is broken. The new connection takes over,
// and the old one is closed.
func TestRecoveryTakesOver(t *testing.T) {
	n, joined, gone := recoverable(t)
	n.OnConnection(func(s *socketio.Socket) {
		if s.Recovered() {
			gone.add("connected again")
		}
	})
	other := connected(n.Of("/other"))
	r := enter(t, n, "")
	old := joined.next(t)
	r.join("/other", "")
	other.next(t)
	require.NoError(t, old.Emit("seen"))
	require.Equal(t, "seen", r.event())
	require.NoError(t, n.Emit(t.Context(), "sent, and not received", []byte("x")))
	asked := make(chan error, 1)
	go func() {
		_, err := old.EmitWithAck(t.Context(), "question")
		asked <- err
	}()
	seen := r.auth()
	for packet := r.next(); !strings.Contains(packet, "question"); packet = r.next() {
	}

	back := enter(t, n, seen)
	require.Equal(t, r.id, back.id)
	require.Equal(t, "transport close", gone.next(t), "the old socket must end before the new one connects")
	require.Equal(t, "connected again", gone.next(t))
	require.ErrorIs(t, <-asked, socketio.ErrDisconnected)
	require.True(t, joined.next(t).Recovered())
	require.Equal(t, "sent, and not received", back.event())
	back.next() // the attachment
	for packet := r.peer.next(); packet != "closed"; packet = r.peer.next() {
	}
	require.NoError(t, n.Emit(t.Context(), "live"))
	require.Equal(t, "live", back.event())
	back.sync("")
	require.Equal(t, 1, n.SocketsCount())
}

// When several clients reconnect with the same pid at the same time, only one of them is recovered.
func TestOnlyOneClientIsRecoveredWithAPid(t *testing.T) {
	n, joined, _ := recoverable(t)
	r := enter(t, n, "")
	require.NoError(t, joined.next(t).Emit("seen"))
	require.Equal(t, "seen", r.event())
	const many = 20
	peers := make([]*peer, many)
	for i := range peers {
		peers[i] = dial(t, n)
	}
	for _, p := range peers {
		p.send("0%s", r.auth())
	}
	alive := slices.DeleteFunc(peers, func(p *peer) bool { return p.next() == "closed" })
	require.NoError(t, n.To(r.id).Emit(t.Context(), "for one"))
	require.NoError(t, n.Emit(t.Context(), "for all"))
	got := 0
	for _, p := range alive {
		for packet := p.next(); packet != "closed" && !strings.Contains(packet, "for all"); packet = p.next() {
			if strings.Contains(packet, "for one") {
				got++
			}
		}
	}
	require.Equal(t, 1, got)
}

// A namespace that a client has opened stays open until the client can no longer be recovered, and receives events
// from other nodes in the meantime.
func TestRecoveryInADynamicNamespace(t *testing.T) {
	a, b := pair(t, func(c *socketio.Config) { c.Recovery = &socketio.Recovery{} })
	gone, heard := newEvents[string](), newEvents[bool]()
	a.OfPattern(regexp.MustCompile(`^/d\d$`)).OnConnection(func(s *socketio.Socket) {
		s.OnDisconnect(gone.add)
		s.Namespace().OnServerSide("heard", func() { heard.add(true) })
	})
	enterIt := func(auth string) (p *peer, greeting string, ahead []string) {
		p = dial(t, a)
		p.send("0/d1,%s", auth)
		for greeting = p.next(); !strings.HasPrefix(greeting, "0/d1"); greeting = p.next() {
			ahead = append(ahead, greeting)
		}
		return p, greeting, ahead
	}
	p, greeting, _ := enterIt("")
	pid := regexp.MustCompile(`"pid":"([^"]+)"`).FindStringSubmatch(greeting)[1]
	onB := b.Of("/d1")
	require.NoError(t, onB.WaitForPeers(t.Context(), 1))
	require.NoError(t, p.conn.Close())
	gone.next(t)
	require.NoError(t, onB.Emit(t.Context(), "from another node"))
	require.NoError(t, onB.ServerSideEmit(t.Context(), "heard"))
	heard.next(t)
	_, again, ahead := enterIt(fmt.Sprintf(`{"pid":"%s"}`, pid))
	require.Equal(t, greeting, again)
	require.Len(t, ahead, 1)
	require.Contains(t, ahead[0], "from another node")

	// No client gets what is sent while the namespace is closed.
	require.NoError(t, a.Of("/d1").Close(t.Context()))
	gone.next(t)
	_, again, _ = enterIt(fmt.Sprintf(`{"pid":"%s"}`, pid))
	require.NotContains(t, again, pid)
}

// A client may try again after it has lost its connection before a middleware has decided, and after it was
// refused.
func TestRecoveryAfterARefusal(t *testing.T) {
	n, joined, gone := recoverable(t, func(r *socketio.Recovery) { r.RunMiddlewares = true })
	proceed := newEvents[error]()
	entered := newEvents[*socketio.Socket]()
	n.Use(func(s *socketio.Socket) error {
		if !s.Recovered() {
			return nil
		}
		entered.add(s)
		return proceed.next(t)
	})
	r := enter(t, n, "")
	s := joined.next(t)
	require.NoError(t, s.Join("room"))
	require.NoError(t, s.Emit("seen"))
	require.Equal(t, "seen", r.event())
	r.lose(t, gone)
	require.NoError(t, n.To("room").Emit(t.Context(), "missed"))

	refused := dial(t, n)
	refused.send("0%s", r.auth())
	entered.next(t)
	proceed.add(errors.New("not yet"))
	refused.expect(`4{"message":"not yet"}`)

	impatient := dial(t, n)
	impatient.send("0%s", r.auth())
	waits := entered.next(t)
	require.NoError(t, impatient.conn.Close())
	<-waits.Context().Done()

	back := dial(t, n) // while the middleware decides about the previous one
	back.send("0%s", r.auth())
	entered.next(t)
	proceed.add(nil)
	proceed.add(nil)
	require.Contains(t, back.next(), "missed")
	require.Contains(t, back.next(), r.id)
	require.ElementsMatch(t, []string{r.id, "room"}, joined.next(t).Rooms())
	require.Equal(t, 1, n.SocketsCount())
}

// A handler outlives the connections that follow its own. The server notices when they end, so the session is saved
// and restored each time.
func TestRecoveryWhileAHandlerOutlivesItsSuccessors(t *testing.T) {
	n, joined, gone := recoverable(t)
	r := enter(t, n, "")
	old := joined.next(t)
	entered, proceed, done := make(chan struct{}), make(chan string), make(chan struct{})
	old.On("slow", func() {
		close(entered)
		for name := range proceed {
			assert.NoError(t, old.Join(name))
			old.Leave("not " + name)
			old.SetData(name)
			assert.NoError(t, old.Emit(name))
			done <- struct{}{}
		}
	})
	r.send(`2["slow"]`)
	<-entered
	var rooms []string
	for _, name := range []string{"second", "third", "fourth"} {
		back := enter(t, n, r.auth())
		require.Equal(t, r.id, back.id)
		again := joined.next(t)
		require.True(t, again.Recovered())
		require.NoError(t, again.Join("not "+name, "not "+name+", away"))
		proceed <- name
		<-done
		require.Equal(t, name, again.Data())
		require.Equal(t, name, back.event())
		back.lose(t, gone)
		proceed <- name + ", away"
		<-done
		r = enter(t, n, back.auth())
		require.Equal(t, name+", away", r.event())
		again = joined.next(t)
		require.True(t, again.Recovered())
		require.Equal(t, name+", away", again.Data())
		rooms = append(rooms, name, name+", away")
		require.ElementsMatch(t, append([]string{r.id}, rooms...), again.Rooms())
	}
	close(proceed)
}
