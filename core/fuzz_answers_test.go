package core_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// asked is a node with one peer, which answers requests with whatever a fuzz target chooses.
type asked struct {
	ns   *core.Namespace
	peer *puppet
	wire transport.Session // receives the requests
}

func newAsked(f *testing.F) *asked {
	hub := memory.NewHub()
	a := &asked{peer: newPuppet(f, hub, "/", "peer")}
	a.peer.live("peer")
	a.ns = join(f, open(f, hub, func(c *core.Config) {
		c.HeartbeatInterval, c.HeartbeatTimeout, c.MaxPeers = 30*time.Minute, time.Hour, 4
	}), "/", nil)
	a.peer.say(codec.Envelope{Type: codec.Heartbeat})
	require.Eventually(f, func() bool { return len(a.ns.Peers()) == 1 }, 2*time.Minute, time.Millisecond)
	var err error
	a.wire, err = hub.Open(f.Context())
	require.NoError(f, err)
	f.Cleanup(func() { _ = a.wire.Close(context.Background()) })
	require.NoError(f, a.wire.Listen(f.Context(), "socket.io#/"))
	return a
}

// requested waits for the node's request and returns its id.
func (a *asked) requested(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		m, err := a.wire.Receive(ctx)
		require.NoError(t, err, "a request was sent")
		env, err := jsonmsgpack.Codec{}.Parse(m.Payload, codec.Text)
		if err == nil && env.UID == a.ns.UID() && env.RequestID != "" {
			return env.RequestID
		}
	}
}

// FuzzAnswers gives a node arbitrary answers to its open requests; "ID" in them stands for the request's. It must not
// panic, each request must end, and the next one must get its answer.
func FuzzAnswers(f *testing.F) {
	a := newAsked(f)
	for kind := range uint8(4) {
		for _, seed := range []string{
			"", "{}", "null", `{"type":8,"uid":"peer","data":{"requestId":"ID","sockets":[]}}`,
			`{"type":8,"uid":"peer","data":{"requestId":"ID","sockets":[{"id":"x","handshake":{},` +
				`"rooms":["x"],"data":null}]}}`,
			`{"type":8,"uid":"peer","data":{"requestId":"ID","sockets":[null,1,{"id":1}]}}`,
			`{"type":8,"uid":"peer","data":{"requestId":"ID"}}`,
			`{"type":10,"uid":"peer","data":{"requestId":"ID","packet":[1]}}`,
			`{"type":10,"uid":"peer","data":{"requestId":"ID"}}`,
			`{"type":11,"uid":"peer","data":{"requestId":"ID","clientCount":-1}}`,
			`{"type":11,"uid":"peer","data":{"requestId":"ID","clientCount":1e99}}`,
			`{"type":11,"uid":"peer","data":{"requestId":"ID","clientCount":9007199254740991}}`,
			`{"type":12,"uid":"peer","data":{"requestId":"ID","packet":1}}`,
			`{"type":12,"uid":"other","data":{"requestId":"ID","packet":1}}`,
			`{"type":8,"uid":"peer","attachmentId":"1","requesterUid":"ID"}`, `{"type":2,"uid":"peer"}`,
			`{"type":255,"uid":"peer","data":{"requestId":"ID"}}`,
		} {
			f.Add(kind, seed)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, foreign string) {
		a.peer.t = t
		names := []string{"EmitWithAck", "Acks", "FetchSockets", "ServerSideEmitWithAck"}
		name := names[int(kind)%len(names)]
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan int, 1)
		go func() {
			n, _ := asks[name](ctx, a.ns.Timeout(time.Minute)) // the input decides about the error
			ended <- n
		}()
		id := a.requested(t)
		a.peer.shout(strings.ReplaceAll(foreign, "ID", id))
		for _, uid := range a.ns.Peers() { // ends the request at once, unless the input prevents it
			(&stage{p: a.peer}).answer(name, uid, id)
		}
		time.AfterFunc(20*time.Millisecond, cancel) // not earlier: the request might not have been sent
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			require.FailNow(t, "the request must end")
		}

		a.peer.say(codec.Envelope{Type: codec.Heartbeat}) // the input may have been a leave message
		sockets := make(chan []*core.RemoteSocket, 1)
		require.Eventually(t, func() bool { return len(a.ns.Peers()) > 0 }, 2*time.Minute, time.Millisecond)
		go func() {
			all, _ := a.ns.Timeout(10 * time.Second).FetchSockets(t.Context())
			sockets <- all
		}()
		id = a.requested(t)
		for _, uid := range a.ns.Peers() { // the input may have invented peers
			answer := codec.Envelope{Type: codec.FetchSocketsResponse, UID: uid, RequestID: id}
			if uid == "peer" {
				answer.Sockets = []codec.Socket{{ID: "found"}}
			}
			a.peer.say(answer)
		}
		found := <-sockets
		require.Len(t, found, 1)
		require.Equal(t, "found", found[0].ID())
	})
}

// FuzzHandshake gives a node the handshake of another node's socket. It must not panic, and the result can be encoded
// again.
func FuzzHandshake(f *testing.F) {
	a := newAsked(f)
	for _, seed := range []string{
		`{}`, `null`, `1`, `[]`, `"x"`, `{"headers":null,"query":null,"auth":null}`, `{"headers":[],"query":1}`,
		`{"issued":1e400}`, `{"issued":-9007199254740993}`,
		`{"headers":{"host":"x","cookie":["a","b"]},"time":"Mon","address":"::1","xdomain":true,` +
			`"secure":false,"issued":1,"url":"/","query":{"EIO":"4"},"auth":{"a":[1,{"b":null}]}}`,
		`{"HEADERS":{"a":1},"Issued":2.5}`, `{"auth":{"__proto__":{"x":1}}}`, `{"time":"\ud800"}`,
		`{"auth":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, handshake []byte) {
		v, err := codec.RawJSON(handshake)
		if err != nil {
			return // no codec returns invalid JSON
		}
		a.peer.t = t
		sockets := make(chan []*core.RemoteSocket, 1)
		go func() {
			all, _ := a.ns.Timeout(10 * time.Second).FetchSockets(t.Context())
			sockets <- all
		}()
		a.peer.say(codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: a.requested(t),
			Sockets: []codec.Socket{{ID: "x", Handshake: v}}})
		all := <-sockets
		require.Len(t, all, 1)
		h, err := all[0].Handshake()
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			return
		}
		_ = h.IssuedAt()
		again, err := codec.NewValue(h)
		require.NoError(t, err)
		var same core.Handshake
		require.NoError(t, again.Decode(&same))
		assert.Equal(t, h, same)
	})
}
