package core_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport/memory"
)

// FuzzReceive gives a node arbitrary bytes, over the bus and as an attachment. It must not panic, and the next message
// must arrive.
func FuzzReceive(f *testing.F) {
	hub, store := memory.NewHub(), memstore.NewStore()
	registry, clients := crowd("alice")
	join(f, open(f, hub, func(c *core.Config) { c.Store, c.MaxPeers = store, 16 }), "/", registry)
	p := newPuppet(f, hub, "/x", "puppet")
	p.nsp = "/"
	for _, seed := range []string{
		"", "{", "null", "\x00\x80", `{"type":1,"uid":"a","nsp":"/"}`, `{"type":13,"uid":"a"}`,
		`{"type":3,"uid":"a","nsp":"/","data":{"packet":{"type":2,"data":["x",{"a":[1,2.5,"é"]}]},` +
			`"opts":{"rooms":["alice"],"except":[],"flags":{}}}}`,
		`{"type":3,"uid":"a","nsp":"/","data":{"requestId":"1","packet":{"type":2,"data":["x"]},` +
			`"opts":{"flags":{"timeout":1}}}}`,
		`{"type":4,"uid":"a","data":{"rooms":["alice"],"opts":{}}}`,
		`{"type":5,"uid":"a","data":{"rooms":["alice"],"opts":{"rooms":["none"]}}}`,
		`{"type":6,"uid":"a","data":{"close":false,"opts":{"rooms":["none"]}}}`,
		`{"type":7,"uid":"a","data":{"requestId":"1","opts":{}}}`,
		`{"type":8,"uid":"a","data":{"requestId":"1","sockets":[{"id":"x","handshake":{},"rooms":[],"data":null}]}}`,
		`{"type":9,"uid":"a","data":{"packet":["x"],"requestId":"1"}}`,
		`{"type":10,"uid":"a","data":{"requestId":"1","packet":1}}`,
		`{"type":11,"uid":"a","data":{"requestId":"1","clientCount":1}}`,
		`{"type":12,"uid":"a","data":{"requestId":"1","packet":1}}`,
		`{"type":3,"uid":"a","attachmentId":"1"}`, `{"type":3,"uid":"a","attachmentId":9007199254740993}`,
		"\x00\x83\xa4type\x03\xa3uid\xa1a\xa3nsp\xa1/",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, foreign []byte) {
		p.t = t
		id, err := store.Put(t.Context(), foreign)
		require.NoError(t, err)
		p.say(codec.Envelope{Type: codec.Broadcast, AttachmentID: id})
		p.shout(string(foreign))
		before := len(clients["alice"].got.all())
		for done := false; !done; { // the input may broadcast too, or change the rooms of alice
			p.say(codec.Envelope{Type: codec.Broadcast, Args: args("next")})
			before++
			for _, line := range clients["alice"].got.wait(t, before) {
				done = done || line == `["next"]`
			}
		}
		registry.RemoveID("alice")
		clients["alice"] = &client{id: "alice"}
		registry.Add(clients["alice"])
		require.NoError(t, store.Expire(t.Context(), 0))
	})
}
