package interop_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// legacyRequestScenarios are the requests of legacy clusters. Each must end because all nodes have answered.
var legacyRequestScenarios = []scenario{
	{types: codec.ListSockets, name: "clients", run: legacyClients},
	{types: codec.ListSockets, name: "clientsOfAnEmptyCluster", run: func(f *fixture) {
		from, _ := f.askers()
		require.Empty(f, f.answered(from.Clients(f.ctx)))
		require.Empty(f, f.answered(from.Clients(f.ctx, "nobody")))
		require.Empty(f, f.answered(from.AllRooms(f.ctx)))
	}},
	{types: codec.ListSockets, name: "500ClientsAnd500Rooms", run: legacyManyNames},
	{types: codec.ListRooms, name: "allRooms", run: func(f *fixture) {
		from, _ := f.askers()
		near, far := f.join(f.from, "near", "both"), f.join(f.to, "far", "both", "ä€😀\"\\")
		want := append(ids(near, far), "near", "far", "both", "ä€😀\"\\")
		f.sameSet(want, f.answered(from.AllRooms(f.ctx)))
	}},
	{types: codec.SocketRooms, name: "clientRooms", run: func(f *fixture) {
		from, _ := f.askers()
		near, far := f.join(f.from, "near"), f.join(f.to, "far", "ä€😀\"\\")
		f.sameSet([]any{near.ID(), "near"}, f.answered(from.ClientRooms(f.ctx, near.ID())))
		f.sameSet([]any{far.ID(), "far", "ä€😀\"\\"}, f.answered(from.ClientRooms(f.ctx, far.ID())))
	}},
	{types: codec.SocketsJoin, name: "remoteJoin", run: func(f *fixture) {
		from, to := f.askers()
		near, far, bystander := f.join(f.from), f.join(f.to), f.join(f.to)
		for _, c := range []client{near, far} {
			f.answered(from.RemoteJoin(f.ctx, c.ID(), "moved ä€😀\"\\"))
			f.joined(c, "moved ä€😀\"\\")
		}
		f.sameSet(ids(near, far), f.answered(to.Clients(f.ctx, "moved ä€😀\"\\")))
		f.emit(f.from, interop.To("moved ä€😀\"\\"), "moved")
		f.expect([]client{near, far}, "moved")
		f.fence(f.from, near, far, bystander)
	}},
	{types: codec.SocketsLeave, name: "remoteLeave", run: func(f *fixture) {
		from, to := f.askers()
		near, far, stays := f.join(f.from, "a", "b"), f.join(f.to, "a", "b"), f.join(f.to, "a")
		for _, c := range []client{near, far} {
			f.answered(from.RemoteLeave(f.ctx, c.ID(), "a"))
			f.left(c, "a")
		}
		f.sameSet(ids(stays), f.answered(to.Clients(f.ctx, "a")))
		f.sameSet(ids(near, far), f.answered(to.Clients(f.ctx, "b")))
	}},
	{types: codec.DisconnectSockets, name: "remoteDisconnect",
		run: func(f *fixture) { legacyDisconnect(f, false) }},
	{types: codec.DisconnectSockets, name: "remoteDisconnectAndClose",
		run: func(f *fixture) { legacyDisconnect(f, true) }},
	{types: codec.SocketRooms, name: "notFound", run: legacyNotFound},
	{types: codec.CustomRequest, name: "customRequest", run: legacyCustomRequest},
	{types: codec.CustomRequest, name: "customRequestWithoutHooks", run: func(f *fixture) {
		from, _ := f.askers()
		want := []any{nil}
		if !f.from.kind().isGo() {
			want = []any{nil, nil} // Node.js's nodes ask themselves, too
		}
		f.sameSet(want, f.answered(from.CustomRequest(f.ctx, "x")))
	}},
	{types: codec.CustomRequest, name: "largeQuestion", run: legacyLargeQuestion},
	{types: codec.CustomRequest, name: "largeAnswer", run: legacyLargeAnswer},
	{types: codec.CustomRequest, name: "manyAtOnce", run: legacyManyAtOnce},
}

func legacyClients(f *fixture) {
	from, to := f.askers()
	near, far, other := f.join(f.from, "near", "both"), f.join(f.to, "far", "both"), f.join(f.to)
	for _, s := range []asker{from, to} {
		f.sameSet(ids(near, far, other), f.answered(s.Clients(f.ctx)))
		f.sameSet(ids(far), f.answered(s.Clients(f.ctx, "far")))
		f.sameSet(ids(near, far), f.answered(s.Clients(f.ctx, "both")))
		f.sameSet(ids(near, far), f.answered(s.Clients(f.ctx, "near", "far", "both", "nobody")))
		f.sameSet(ids(other), f.answered(s.Clients(f.ctx, other.ID())))
		require.Empty(f, f.answered(s.Clients(f.ctx, "nobody")))
	}
}

// legacyManyNames: upstream, a node that has 318 to 346 rooms or clients cannot answer, because the answer is too long
// for NOTIFY and too short to be cut into pieces.
func legacyManyNames(f *fixture) {
	from, _ := f.askers()
	rooms := make([]string, 500)
	for i := range rooms {
		rooms[i] = fmt.Sprintf("room%016d", i)
	}
	var clients []client
	for i := range 10 {
		clients = append(clients, f.join(f.to, rooms[50*i:50*i+50]...))
	}
	if goTo, ok := f.to.(*goSide); ok { // as many sockets as rooms, and all lengths of an answer on the way
		for len(clients) < 500 {
			clients = append(clients, f.join(goTo))
			if n := len(clients); n > 300 && n < 360 || n == 500 {
				f.sameSet(ids(clients...), f.answered(from.Clients(f.ctx)))
			}
		}
	}
	want := ids(clients...)
	for _, r := range rooms {
		want = append(want, r)
	}
	f.sameSet(want, f.answered(from.AllRooms(f.ctx)))
	f.sameSet(ids(clients[:10]...), f.answered(from.Clients(f.ctx, rooms...)))
}

func legacyDisconnect(f *fixture, closing bool) {
	from, to := f.askers()
	near, far, stays := f.join(f.from), f.join(f.to), f.join(f.to)
	for _, c := range []client{near, far} {
		f.answered(from.RemoteDisconnect(f.ctx, c.ID(), closing))
		_, err := c.Disconnected(f.ctx)
		require.NoError(f, err)
	}
	f.sameSet(ids(stays), f.answered(to.Clients(f.ctx)))
}

// legacyNotFound: the package's requests about a socket that nobody has end by timeout. Ours end at once.
func legacyNotFound(f *fixture) {
	ours, ok := f.from.(*goSide)
	if !ok {
		f.Skip("the package's requests end by timeout")
	}
	f.join(f.to, "somebody", "else") // "somebody" is a room and not a socket
	for _, id := range []string{"nobody", "somebody", "constructor", "", "ä€😀\"\\"} {
		_, err := ours.ns.ClientRooms(f.ctx, id)
		require.ErrorIs(f, err, backplane.ErrSocketNotFound)
		require.ErrorIs(f, ours.ns.RemoteJoin(f.ctx, id, "x"), backplane.ErrSocketNotFound)
		require.ErrorIs(f, ours.ns.RemoteLeave(f.ctx, id, "x"), backplane.ErrSocketNotFound)
		require.ErrorIs(f, ours.ns.RemoteDisconnect(f.ctx, id, true), backplane.ErrSocketNotFound)
	}
}

func legacyCustomRequest(f *fixture) {
	from, to := f.askers()
	require.NoError(f, to.CustomHook(f.ctx, interop.Echo()))
	require.NoError(f, from.CustomHook(f.ctx, interop.Reply("near")))
	for _, data := range []any{nil, "text", 1.5, true, []any{}, map[string]any{}, "",
		map[string]any{"a": []any{1, "grüße 😀\u2028\x00\"\\", nil, map[string]any{"b": false}}}} {
		f.sameSet([]any{"near", data}, f.answered(from.CustomRequest(f.ctx, data)))
		e, err := to.NextServerSide(f.ctx)
		require.NoError(f, err)
		require.Equal(f, "customHook", e.Event)
		f.same([]any{data}, values(e.Args))
	}
	late := interop.Reply(map[string]any{"late": []any{1}}).After(20 * time.Millisecond)
	require.NoError(f, to.CustomHook(f.ctx, late))
	f.sameSet([]any{"near", map[string]any{"late": []any{1}}}, f.answered(from.CustomRequest(f.ctx, 1)))
}

// largeTexts need pieces, and some of their characters take more than one byte of JSON, or of JSON in JSON.
var largeTexts = map[string]string{
	"ASCII": strings.Repeat("x", 20000), "quotationMarks": strings.Repeat(`"`, 20000),
	"€": strings.Repeat("€", 20000), "emoji": strings.Repeat("😀", 10000), "NUL": strings.Repeat("\x00", 5000),
	"mixed": strings.Repeat("ä€😀\"\\\n\x01x", 3000),
}

func legacyLargeQuestion(f *fixture) {
	from, to := f.askers()
	require.NoError(f, to.CustomHook(f.ctx, interop.Reply("heard")))
	ask := func(text string) {
		require.Contains(f, f.answered(from.CustomRequest(f.ctx, text)), "heard")
		e, err := to.NextServerSide(f.ctx)
		require.NoError(f, err)
		f.same([]any{text}, values(e.Args))
	}
	if !f.from.kind().isGo() { // upstream: its pieces have 5,000 characters, whatever they take
		ask(largeTexts["ASCII"])
		return
	}
	for _, text := range largeTexts {
		ask(text)
	}
	for _, c := range []string{"x", "€", `"`} { // around the limit of NOTIFY
		for n := 7700 / len(c); n <= 8100/len(c); n += 1 + 12/len(c) {
			ask(strings.Repeat(c, n))
		}
	}
}

func legacyLargeAnswer(f *fixture) {
	from, to := f.askers()
	ask := func(text string) {
		require.NoError(f, to.CustomHook(f.ctx, interop.Reply(text)))
		require.Contains(f, f.answered(from.CustomRequest(f.ctx, 1)), text)
	}
	if !f.to.kind().isGo() {
		ask(largeTexts["ASCII"])
		return
	}
	for _, text := range largeTexts {
		ask(text)
	}
	for n := 7700; n <= 8100; n += 10 {
		ask(strings.Repeat("x", n))
	}
}

// legacyManyAtOnce: the answers to different requests do not mix.
func legacyManyAtOnce(f *fixture) {
	from, to := f.askers()
	require.NoError(f, to.CustomHook(f.ctx, interop.Echo()))
	near, far := f.join(f.from, "room"), f.join(f.to, "room")
	const n = 20
	failures := make(chan error, 3*n)
	for i := range n {
		go func() { failures <- among(fmt.Sprint(i))(from.CustomRequest(f.ctx, fmt.Sprint(i))) }()
		go func() { failures <- among(near.ID(), far.ID())(from.Clients(f.ctx)) }()
		go func() { failures <- among(far.ID(), "room")(from.ClientRooms(f.ctx, far.ID())) }()
	}
	for range 3 * n {
		assert.NoError(f, <-failures)
	}
}

// among returns a function that returns an error unless an answer has these values.
func among(want ...any) func(interop.Answer, error) error {
	return func(a interop.Answer, err error) error {
		if a.Error != "" {
			err = errors.New(a.Error)
		}
		for _, v := range want {
			found := false
			for _, got := range a.Values {
				found = found || got == v
			}
			if !found && err == nil {
				err = fmt.Errorf("%v is not among %v", v, a.Values)
			}
		}
		return err
	}
}
