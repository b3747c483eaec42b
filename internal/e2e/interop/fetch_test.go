package interop_test

import (
	"bytes"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

func (f *fixture) fetch(s side, to interop.Target) []interop.Socket {
	f.Helper()
	sockets, err := s.FetchSockets(f.ctx, to)
	require.NoError(f, err)
	return sockets
}

func idsOf(sockets []interop.Socket) []any {
	out := []any{}
	for _, s := range sockets {
		out = append(out, s.ID)
	}
	return out
}

func (f *fixture) fetchOne(s side, id string) interop.Socket {
	f.Helper()
	sockets := f.fetch(s, interop.To(id))
	require.Len(f, sockets, 1, "want exactly one socket with the id %s", id)
	return sockets[0]
}

// The sender of type 7 requests; the sender of type 8 answers.
var fetchScenarios = []scenario{
	{types: codec.FetchSockets, name: "findsTheSocketsOfAllNodes", brief: true, run: func(f *fixture) {
		near, far, far2 := f.join(f.from), f.join(f.to), f.join(f.to)
		f.sameSet(ids(near, far, far2), idsOf(f.fetch(f.from, interop.Target{})))
		f.sent(f.from, 7)
	}},
	{types: codec.FetchSockets, name: "findsTheSelected", run: func(f *fixture) {
		near, far := f.join(f.from, "a"), f.join(f.to, "a", "c")
		f.join(f.from)
		f.join(f.to, "b")
		f.join(f.to, "a", "b")
		f.sameSet(ids(near, far), idsOf(f.fetch(f.from, interop.Target{To: []string{"a"}, Except: []string{"b"}})))
	}},
	{types: codec.FetchSockets, name: "findsNone", run: func(f *fixture) {
		f.join(f.to)
		require.Empty(f, f.fetch(f.from, interop.To("nobody")))
	}},
	{types: codec.FetchSockets, name: "localAsksNobody", run: func(f *fixture) {
		near := f.join(f.from)
		f.join(f.to)
		f.sameSet(ids(near), idsOf(f.fetch(f.from, interop.Target{Local: true})))
	}},
	{types: codec.FetchSocketsResponse, name: "rooms", brief: true, run: func(f *fixture) {
		c := f.join(f.from, "a", "😀 \u2028")
		s := f.fetchOne(f.to, c.ID())
		rooms := []any{}
		for _, room := range s.Rooms {
			rooms = append(rooms, room)
		}
		f.sameSet([]any{c.ID(), "a", "😀 \u2028"}, rooms)
		f.sent(f.from, 8)
	}},
	{types: codec.FetchSocketsResponse, name: "noSocketsIsAnEmptyList", run: func(f *fixture) {
		require.Empty(f, f.fetch(f.to, interop.Target{}))
		require.Equal(f, []any{}, f.sent(f.from, 8).Data()["sockets"])
	}},
	{types: codec.FetchSocketsResponse, name: "handshake", brief: true, run: func(f *fixture) {
		auth := map[string]any{"token": "t😀", "nested": map[string]any{"n": 1}}
		c := f.connect(f.from, interop.ClientSpec{Auth: auth, Query: map[string]string{"q": "1"},
			Headers: map[string]string{"x-test": "yes"}})
		h := f.fetchOne(f.to, c.ID()).Handshake
		f.same(auth, h["auth"])
		require.Equal(f, "yes", h["headers"].(map[string]any)["x-test"])
		require.Equal(f, "1", h["query"].(map[string]any)["q"])
		require.Equal(f, "127.0.0.1", h["address"])
		for _, field := range []string{"time", "url"} {
			require.IsType(f, "", h[field], field)
			require.NotEmpty(f, h[field], field)
		}
		require.Equal(f, false, h["secure"])
		require.Equal(f, false, h["xdomain"])
		require.IsType(f, 0.0, h["issued"])
	}},
	{types: codec.FetchSocketsResponse, name: "noDataIsAnEmptyObject", run: func(f *fixture) {
		c := f.join(f.from)
		f.same(map[string]any{}, f.fetchOne(f.to, c.ID()).Data) // code that reads data.user must not crash
	}},
	fetchesData("data", true, map[string]any{"name": "ünï😀", "n": 1.5, "list": []any{1, nil, true}}),
	fetchesData("dataOverTheThreshold", false, map[string]any{"text": strings.Repeat("x", 9000)}),
	fetchesData("binaryDataOverTheThreshold", true, map[string]any{"b": bytes.Repeat([]byte{1, 0xff}, 5000), "n": 1}),
	{types: codec.FetchSocketsResponse, name: "binaryDataUnderTheThreshold", brief: true, run: func(f *fixture) {
		c := f.connect(f.from, interop.ClientSpec{Data: map[string]any{"b": []byte{1, 2, 255}}})
		data := f.fetchOne(f.to, c.ID()).Data.(map[string]any)
		// JSON.stringify turns a Buffer into an object. Node.js leaves it like that, our nodes decode it.
		want := any(map[string]any{"type": "Buffer", "data": []any{1, 2, 255}})
		if f.to.kind().isGo() {
			want = []byte{1, 2, 255}
		}
		f.same(want, data["b"])
		require.Empty(f, f.sent(f.from, 8).AttachmentID)
	}},
	{types: codec.FetchSocketsResponse, name: "manySockets", run: func(f *fixture) {
		var clients []client
		for range 40 {
			clients = append(clients, f.join(f.from, "room"))
		}
		f.sameSet(ids(clients...), idsOf(f.fetch(f.to, interop.To("room"))))
		require.NotEmpty(f, f.sent(f.from, 8).AttachmentID,
			"the answer must be above the threshold and so use an attachment")
	}},
}

func fetchesData(name string, brief bool, data map[string]any) scenario {
	return scenario{types: codec.FetchSocketsResponse, name: name, brief: brief, run: func(f *fixture) {
		c := f.connect(f.from, interop.ClientSpec{Data: data})
		f.same(data, f.fetchOne(f.to, c.ID()).Data)
	}}
}
