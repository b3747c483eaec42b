package clients_test

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

var recovers = config{recovery: 2 * time.Minute}

// shortly is how long a server remembers that is to forget.
const shortly = 50 * time.Millisecond

// recoveryScenarios are about connection state recovery.
var recoveryScenarios = []scenario{
	{name: "ClientRecovers", config: recovers, over: everyTransport, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		c := f.settled(clientSpec{URL: p.URL(), Auth: map[string]any{"rooms": []string{"den"}, "data": map[string]any{"n": 1}}})
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
		// and once more
		f.cut(p, c)
		f.gone(c)
		f.must(emit("missed again"))
		c.do("reconnect", map[string]any{})
		require.True(f, c.connected().Recovered)
		offset(f, c, "missed again")
	}},
	{name: "ClientThatHasSeenNothingComesBackAsNew", config: recovers, over: everyTransport, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		c := f.settled(clientSpec{URL: p.URL(), Options: comingBack()})
		f.cut(p, c)
		f.gone(c)
		// without any offset there is nothing that it could have missed a part of: it comes back as a new client
		require.False(f, c.connected().Recovered)
		require.False(f, f.accepted(c).Recovered)
		c.ask("nothing")
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
		<-time.After(2 * shortly) // or later: it is the time itself that matters
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

// offset: the next event is that one, with an offset behind its arguments.
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
