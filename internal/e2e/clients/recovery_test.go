package clients_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

var recovers = config{recovery: 2 * time.Minute}

// shortly is the recovery time of servers that must forget a session.
const shortly = 50 * time.Millisecond

// recoveryScenarios are about connection state recovery.
var recoveryScenarios = []scenario{
	{name: "ClientRecovers", config: recovers, over: everyTransport, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		c := f.settled(clientSpec{URL: p.URL(), Auth: map[string]any{"rooms": []string{"den"},
			"data": map[string]any{"n": 1}}})
		stays := f.connect(clientSpec{Auth: map[string]any{"rooms": []string{"den"}}})
		id := c.id
		f.must(op{Call: "join", Rooms: []string{"lair"}}.of(c.id))
		f.must(emit("seen", 1))
		offset(f, c, "seen", 1)
		f.cut(p, c)
		require.NotEmpty(f, f.gone(c))
		f.must(emit("missed", 1))
		f.must(emit("missed", 2, []byte{1, 2}).to("lair"))
		f.must(emit("missed", 3).to("elsewhere"))
		f.must(emit("missed", 4).except("den"))
		f.must(emit("missed", 5).to(id))
		f.must(emit("volatile").volatile())
		f.must(emit("missed", 6).of(stays.id))
		f.must(emit("missed", 7).of(stays.id).broadcast())

		c.do("reconnect", map[string]any{})
		at := c.connected()
		require.True(f, at.Recovered)
		require.Equal(f, id, at.ID)
		e := f.accepted(c)
		require.True(f, e.Recovered)
		require.ElementsMatch(f, []string{id, "den", "lair"}, e.Rooms)
		same(f.T, map[string]any{"n": 1}, e.Data.V)
		offset(f, c, "missed", 1)
		offset(f, c, "missed", 2, []byte{1, 2})
		offset(f, c, "missed", 5)
		offset(f, c, "missed", 7)
		f.must(emit("live").to("lair"))
		offset(f, c, "live")
		f.settle(c)
		// a second time
		f.cut(p, c)
		f.gone(c)
		f.must(emit("missed again"))
		c.do("reconnect", map[string]any{})
		require.True(f, c.connected().Recovered)
		offset(f, c, "missed again")
	}},
	{name: "MissedEventsArriveBeforeConnect", config: recovers, over: everyTransport, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		c := f.settled(clientSpec{URL: p.URL()})
		f.must(emit("seen"))
		offset(f, c, "seen")
		f.cut(p, c)
		f.gone(c)
		f.must(emit("missed 1"))
		f.must(emit("missed 2", []byte{1}))
		f.must(emit("missed 3"))
		c.do("reconnect", map[string]any{})
		c.connected()
		f.accepted(c)
		f.must(emit("live"))
		for _, want := range []string{"missed 1", "missed 2", "missed 3", "live"} {
			require.Equal(f, want, c.next().Event)
		}
		require.Equal(f, []string{
			"connect recovered=false", "seen connected=true recovered=false",
			"missed 1 connected=true recovered=true", "missed 2 connected=true recovered=true",
			"missed 3 connected=true recovered=true",
			"connect recovered=true", "live connected=true recovered=true",
		}, c.state().Transcript)
	}},
	{name: "ClientWithoutAnyEventRecovers", config: recovers, over: everyTransport, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		c := f.settled(clientSpec{URL: p.URL()})
		require.Empty(f, c.state().Offset)
		f.cut(p, c)
		f.gone(c)
		f.must(emit("missed"))
		c.do("reconnect", map[string]any{})
		if f.onNode { // Node.js treats a client without an offset as new
			require.False(f, c.connected().Recovered)
			return
		}
		require.True(f, c.connected().Recovered)
		require.True(f, f.accepted(c).Recovered)
		offset(f, c, "missed")
		c.ask("nothing")
	}},
	{name: "ClientTakesOverFromAConnectionThatIsNotKnownToBeLost", config: recovers, over: everyTransport,
		notOnNode: true, run: func(f *fixture) {
			p := pgtest.NewProxy(f, f.server.url())
			c := f.settled(clientSpec{URL: p.URL(), Auth: map[string]any{"rooms": []string{"den"}}})
			id := c.id
			f.must(emit("seen"))
			offset(f, c, "seen")
			p.DropPackets() // neither side notices
			f.must(emit("missed", 1).to("den"))
			c.do("closeEngine", map[string]any{})
			c.disconnected()
			f.must(emit("missed", 2))
			c.do("reconnect", map[string]any{})
			at := c.connected()
			require.True(f, at.Recovered)
			require.Equal(f, id, at.ID)
			require.Equal(f, "transport close", f.gone(c))
			require.ElementsMatch(f, []string{id, "den"}, f.accepted(c).Rooms)
			offset(f, c, "missed", 1)
			offset(f, c, "missed", 2)
			f.must(emit("live"))
			offset(f, c, "live")
			f.counts(1)
		}},
	{name: "NoEventIsLostOrDoubledWhileConnectionsBreak", config: recovers, over: everyTransport, notOnNode: true,
		run: func(f *fixture) {
			p := pgtest.NewProxy(f, f.server.url())
			quick := options{"reconnection": true, "reconnectionDelay": 1, "reconnectionDelayMax": 20}
			c := f.settled(clientSpec{URL: p.URL(), Options: quick})
			sent := 0
			send := func(n int) {
				for range n {
					f.must(emit(fmt.Sprint("n", sent), []byte{1}).to(c.id))
					f.must(emit("elsewhere").to("elsewhere"))
					sent++
				}
			}
			const rounds = 10
			for range rounds {
				send(20) // some are in transit when the connection breaks
				f.cut(p, c)
				send(20)
				c.connected()
				f.settle(c) // a client may not notice a broken connection during an upgrade
			}
			f.must(emit("end").to(c.id))
			for c.next().Event != "end" {
			}
			next, recovered := 0, 0
			for _, line := range c.state().Transcript {
				what, _, _ := strings.Cut(line, " ")
				switch {
				case what == "connect":
					require.True(f, next == 0 || strings.Contains(line, "recovered=true"))
					recovered++
				case what == "end":
					require.Equal(f, sent, next)
				default:
					require.Equal(f, fmt.Sprint("n", next), what)
					next++
				}
			}
			require.Equal(f, 1+rounds, recovered)
		}},
	{name: "NoStringOfAnEventIsTakenForAnOffset", config: recovers, over: everyTransport, notOnNode: true,
		run: func(f *fixture) {
			p := pgtest.NewProxy(f, f.server.url())
			for _, nsp := range []string{"/", "/custom", "/dynamic-7"} {
				c := f.open(clientSpec{URL: p.URL(), NSP: nsp, Auth: map[string]any{"rooms": []string{"den"}}})
				c.connected()
				f.accepted(c)
				other := f.connect(clientSpec{NSP: nsp, Auth: map[string]any{"rooms": []string{"den"}}})
				for _, o := range []op{
					emit("bare"), emit("text", "text"), emit("text", "text").to("den"),
					emit("binary", []byte{1}, "text"),
					emit("text", "text").compress(false),
					emit("text", "text").of(c.id), emit("bare").of(c.id), op{Call: "send"}.with("", "text").of(c.id),
					op{Call: "send"}.with("", "text"),
					emit("text", "text").of(other.id).broadcast(), emit("text", "text").local(),
					{Call: "emit", Remote: c.id, Event: "text"},
					emit("maybe", "text").volatile(), emit("maybe", "text").of(c.id).volatile(),
					emit("maybe", "text").of(other.id).volatile().broadcast(),
					ask("question", "text").timeout(patientOp), ask("question", "text").of(c.id).timeout(patientOp),
				} {
					f.must(o.in(nsp))
					f.must(emit("then").of(c.id).in(nsp))
					for e := c.next(); e.Event != "then"; e = c.next() { // none if the volatile event was dropped
						args := e.args()
						if e.WithAck {
							same(f.T, []any{"text"}, args)
							continue
						}
						require.NotEmpty(f, args, "%v", o)
						require.NotEqual(f, "text", args[len(args)-1], "%v", o)
					}
					require.NotContains(f, []string{"", "bare", "text", "maybe", "message", "then", "question"},
						c.state().Offset, "%v", o)
				}
				same(f.T, []any{"x"}, c.ask("echo", "x"))
				f.cut(p, c)
				f.gone(c)
				f.must(emit("missed").in(nsp))
				c.do("reconnect", map[string]any{})
				require.True(f, c.connected().Recovered)
				offset(f, c, "missed")
			}
		}},
	{name: "ClientOfTwoNamespacesRecoversBoth", config: recovers, over: everyTransport, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		main := f.settled(clientSpec{URL: p.URL(), Options: comingBack()})
		custom := f.connect(clientSpec{On: main, NSP: "/custom", Auth: map[string]any{"rooms": []string{"den"}}})
		f.must(emit("main"))
		f.must(emit("custom").in("/custom"))
		offset(f, main, "main")
		offset(f, custom, "custom")
		f.cut(p, main)
		custom.disconnected()
		for _, c := range []*client{main, custom} {
			f.gone(c)
			require.True(f, c.connected().Recovered)
			f.accepted(c)
		}
		f.must(emit("again").in("/custom").to("den"))
		offset(f, custom, "again")
	}},
	{name: "WhoLeftOnPurposeDoesNotRecover", config: recovers, over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{Auth: map[string]any{"rooms": []string{"den"}}})
		id := c.id
		f.must(emit("seen"))
		offset(f, c, "seen")
		c.do("disconnect", map[string]any{})
		f.gone(c)
		c.do("reconnect", map[string]any{})
		at := c.connected()
		require.False(f, at.Recovered)
		require.NotEqual(f, id, at.ID)
	}},
	{name: "WhoWasSentAwayDoesNotRecover", config: recovers, over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		f.must(emit("seen"))
		offset(f, c, "seen")
		f.must(op{Call: "disconnect"}.of(c.id))
		f.gone(c)
		c.disconnected()
		c.do("reconnect", map[string]any{})
		require.False(f, c.connected().Recovered)
	}},
	{name: "RefusedByNoMiddlewareWhenItRecovers", config: recovers, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		c := f.connect(clientSpec{URL: p.URL(), Options: over(websocketOnly)})
		f.must(emit("seen"))
		offset(f, c, "seen")
		f.cut(p, c)
		f.gone(c)
		c.do("reconnect", map[string]any{"auth": map[string]any{"refuse": "no"}})
		require.True(f, c.connected().Recovered)
	}},
	{name: "TooLateToRecover", config: config{recovery: shortly}, over: everyTransport, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		c := f.settled(clientSpec{URL: p.URL()})
		id := c.id
		f.must(emit("seen"))
		offset(f, c, "seen")
		f.cut(p, c)
		f.gone(c)
		<-time.After(2 * shortly) // at least this long, because the session must have expired
		c.do("reconnect", map[string]any{})
		at := c.connected()
		require.False(f, at.Recovered)
		require.NotEqual(f, id, at.ID)
		c.ask("nothing")
	}},
	{name: "AcksGetNoOffset", config: recovers, over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		require.Equal(f, c.name, f.must(ask("question", 1).of(c.id).timeout(patientOp)).values()[0])
		c.expect("question", 1)
		f.must(emit("maybe", 1).of(c.id).volatile()) // may be dropped
		same(f.T, []any{"x"}, c.ask("echo", "x"))
	}},
	{name: "WithoutRecoveryNothingIsAppended", over: everyTransport, run: func(f *fixture) {
		c := f.settled(clientSpec{})
		f.must(emit("seen", 1))
		c.expect("seen", 1)
		c.do("closeEngine", map[string]any{})
		c.disconnected()
		f.gone(c)
	}},
}

// offset requires that the next event is this one, followed by an offset.
func offset(f *fixture, c *client, event string, args ...any) {
	f.Helper()
	e := c.next()
	require.Equal(f, event, e.Event)
	got := e.args()
	require.Len(f, got, len(args)+1, "%v", got)
	same(f.T, append([]any{}, args...), got[:len(args)])
	require.IsType(f, "", got[len(args)])
	require.NotEmpty(f, got[len(args)])
}
