package core_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

const oddPeer = "0123456789abcdef"

// oddStage is a node with clients a, in the room "in", and b, and a peer that sends invalid parts.
type oddStage struct {
	cluster *core.Cluster
	ns      *core.Namespace
	clients map[string]*client
	p       *puppet
	skipped log[int]
}

func newOddStage(t *testing.T) *oddStage {
	s := &oddStage{}
	hub := memory.NewHub()
	registry, clients := crowd("a", "b")
	registry.JoinID("a", "in")
	s.clients = clients
	s.cluster = open(t, hub, func(c *core.Config) {
		c.Trace.PartsSkipped = func(nsp string, _ codec.Type, uid string, parts int) {
			assert.Equal(t, "/", nsp)
			assert.Equal(t, oddPeer, uid)
			s.skipped.add(parts)
		}
		c.ErrorHandler = func(err error) { t.Errorf("reported: %v", err) }
	})
	s.ns = join(t, s.cluster, "/", registry)
	s.p = newPuppet(t, hub, "/", oddPeer)
	s.p.say(codec.Envelope{Type: codec.Heartbeat})
	require.NoError(t, s.ns.WaitForPeers(t.Context(), 1))
	return s
}

// shout sends data of a type.
func (s *oddStage) shout(typ codec.Type, data string) {
	s.p.shout(fmt.Sprintf(`{"uid":%q,"type":%d,"nsp":"/","data":%s}`, oddPeer, typ, data))
}

// settle waits until all messages of the peer have been handled: a request after them is answered.
func (s *oddStage) settle() {
	n := s.p.heard.all()
	s.shout(codec.FetchSockets, `{"requestId":"settled","opts":{"rooms":["nobody"]}}`)
	for i := len(n); ; i++ {
		if all := s.p.heard.wait(s.p.t,
			i+1); all[i].RequestID == "settled" && all[i].Type == codec.FetchSocketsResponse {
			return
		}
	}
}

func TestInvalidRoomsOfAPeerAreSkipped(t *testing.T) {
	s := newOddStage(t)
	broadcast := func(event, opts string) {
		s.shout(codec.Broadcast, fmt.Sprintf(`{"packet":{"type":2,"data":[%q]},"opts":%s}`, event, opts))
	}
	broadcast("to in, null", `{"rooms":["in",null],"except":[],"flags":{}}`)
	broadcast("to null", `{"rooms":[null],"except":[],"flags":{}}`)
	broadcast("to true", `{"rooms":[true,[],{}]}`)
	broadcast("to what is no list", `{"rooms":"in"}`)
	broadcast("but what is no list", `{"rooms":[],"except":"b"}`)
	broadcast("but null", `{"rooms":[],"except":[null],"flags":{"volatile":"x"}}`)
	broadcast("but b, null", `{"rooms":[],"except":["b",null]}`)
	broadcast("flags", `{"flags":7}`)
	s.shout(codec.DisconnectSockets, `{"opts":{"rooms":[null]},"close":true}`)
	s.shout(codec.SocketsJoin, `{"opts":{"rooms":[null]},"rooms":["everybody"]}`)
	s.shout(codec.SocketsJoin, `{"opts":{"rooms":["in"]},"rooms":["x",null]}`)
	s.shout(codec.SocketsLeave, `{"opts":{},"rooms":[null,"y"]}`)
	s.settle()
	assert.Equal(t, []string{`["to in, null"]`, `["but null"]`, `["but b, null"]`, `["flags"]`},
		s.clients["a"].got.all())
	assert.Equal(t, []string{`["but null"]`, `["flags"]`}, s.clients["b"].got.all())
	for id, c := range s.clients {
		assert.Empty(t, c.kicked.all(), id)
	}
	all, err := s.ns.Local().FetchSockets(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "in", "x"}, all[0].Rooms())
	assert.Equal(t, []string{"b"}, all[1].Rooms())

	sum := 0
	for _, n := range s.skipped.all() {
		sum += n
	}
	assert.Equal(t, 1+1+3+1+1+2+1+1+1+1+1+1, sum)
	assert.EqualValues(t, sum, s.cluster.Stats().PartsSkipped)
	assert.Zero(t, s.cluster.Stats().ReceiveDropped)
}

// A request for nobody is answered at once, so that the requester does not wait for its timeout.
func TestRequestsForInvalidRoomsAreAnswered(t *testing.T) {
	s := newOddStage(t)
	s.shout(codec.FetchSockets, `{"requestId":"fetch","opts":{"rooms":[null]}}`)
	s.shout(codec.Broadcast, `{"requestId":"ack","packet":{"data":["q"]},"opts":{"rooms":[true]}}`)
	assert.Empty(t, s.p.next(s.ns.UID(), codec.FetchSocketsResponse).Sockets)
	assert.Zero(t, s.p.next(s.ns.UID(), codec.BroadcastClientCount).ClientCount)
	s.settle()
	assert.Empty(t, s.clients["a"].got.all())
}

func TestAnswersWithInvalidPartsCount(t *testing.T) {
	s := newOddStage(t)
	type outcome struct {
		sockets []*core.RemoteSocket
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		all, err := s.ns.To("remote").FetchSockets(t.Context())
		done <- outcome{all, err}
	}()
	id := s.p.next(s.ns.UID(), codec.FetchSockets).RequestID
	s.shout(codec.FetchSocketsResponse, fmt.Sprintf(`{"requestId":%q,"sockets":[
		{"id":"one","handshake":{"issued":"then","address":"::1","headers":5,"query":{"a":"b"},"secure":null},
			"rooms":["one",null,7,true,"remote"]},
		{"id":null,"rooms":["x"]}, null, {"rooms":[]}, "socket",
		{"id":"two","handshake":"none","rooms":"two","data":null,"later":{}}]}`, id))
	got := <-done
	require.NoError(t, got.err, "the peer has answered")
	require.Len(t, got.sockets, 2)
	one, two := got.sockets[0], got.sockets[1]
	assert.Equal(t, "one", one.ID())
	assert.Equal(t, []string{"one", "7", "remote"}, one.Rooms())
	h, err := one.Handshake()
	require.NoError(t, err, "an invalid field does not harm the others")
	assert.Equal(t, core.Handshake{Address: "::1", Query: map[string]any{"a": "b"}}, h)
	assert.Equal(t, "two", two.ID())
	assert.Empty(t, two.Rooms())
	_, err = two.Handshake()
	assert.ErrorIs(t, err, codec.ErrMalformed)
	assert.Positive(t, s.cluster.Stats().PartsSkipped)
}

func TestUnknownFieldsAndTypesAreCounted(t *testing.T) {
	hub := memory.NewHub()
	drops := make(chan *core.DropError, 8)
	registry, clients := crowd("a")
	cluster := open(t, hub, func(c *core.Config) { c.Trace.Dropped = func(e *core.DropError) { drops <- e } })
	join(t, cluster, "/", registry)
	p := newPuppet(t, hub, "/", oddPeer)
	p.shout(`{"uid":"0123456789abcdef","type":77,"nsp":"/","data":{"news":[1]}}`)
	assert.Equal(t, core.DropUnknown, (<-drops).Reason)
	assert.EqualValues(t, 1, cluster.Stats().ReceiveDropped)
	assert.Zero(t, cluster.Stats().PartsSkipped)
	p.shout(`{"uid":"0123456789abcdef","type":3,"nsp":"/","later":1,"data":{"later":2,"packet":{"type":2,` +
		`"data":["e"]},"opts":{"rooms":[],"except":[],"flags":{"later":true}}}}`)
	clients["a"].got.wait(t, 1)
	assert.EqualValues(t, 3, cluster.Stats().PartsSkipped)
	assert.EqualValues(t, 1, cluster.Stats().ReceiveDropped)
}

// bareLocal describes sockets with nothing but what is required.
type bareLocal struct{ *core.Registry }

func (bareLocal) Sockets(core.Selector) []codec.Socket { return []codec.Socket{{ID: "bare"}} }

// Socket.IO's Admin UI, for example, looks into the data of a socket without a check.
func TestSocketWithoutDataIsDescribedWithObjects(t *testing.T) {
	registry, _ := crowd("a")
	for name, local := range map[string]core.LocalSockets{"Registry": registry,
		"another LocalSockets": bareLocal{registry}} {
		hub := memory.NewHub()
		session, err := hub.Open(t.Context())
		require.NoError(t, err)
		require.NoError(t, session.Listen(t.Context(), "socket.io#/"))
		ns := join(t, open(t, hub), "/", local)
		require.NoError(t, hub.Publish(t.Context(), transport.Message{Channel: "socket.io#/",
			Payload: []byte(`{"uid":"0123456789abcdef","type":7,"nsp":"/","data":{"requestId":"r","opts":{}}}`)}))
		for {
			m, err := session.Receive(t.Context())
			require.NoError(t, err)
			var said struct {
				Type int
				Data struct {
					Sockets []struct {
						Data, Handshake map[string]any
					}
				}
			}
			require.NoError(t, json.Unmarshal(m.Payload, &said))
			if said.Type != int(codec.FetchSocketsResponse) {
				continue
			}
			require.Len(t, said.Data.Sockets, 1, name)
			assert.Equal(t, map[string]any{}, said.Data.Sockets[0].Data, name)
			for _, key := range []string{"headers", "query", "auth"} {
				assert.Equal(t, map[string]any{}, said.Data.Sockets[0].Handshake[key], "%s: %s", name, key)
			}
			break
		}
		require.NoError(t, session.Close(context.Background()))
		all, err := ns.Local().FetchSockets(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "{}", all[0].Data().String(), name)
	}
}
