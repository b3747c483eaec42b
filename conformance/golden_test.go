package conformance_test

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

func golden() []conformance.Golden {
	const uid = "0123456789abcdef"
	args, err := codec.NewArgs("hello", 1)
	if err != nil {
		panic(err)
	}
	return []conformance.Golden{
		{
			Name:     "a heartbeat of an old adapter, without namespace",
			Format:   codec.Text,
			Bytes:    []byte(`{"type":2,"uid":"` + uid + `"}`),
			Envelope: &codec.Envelope{Type: codec.Heartbeat, UID: uid},
		},
		{
			Name:   "a broadcast of adapter 0.5",
			Format: codec.Text,
			Bytes: []byte(`{"type":3,"data":{"packet":{"type":2,"data":["hello",1],"nsp":"/"},` +
				`"opts":{"rooms":[],"except":[],"flags":{}}},"uid":"` + uid + `","nsp":"/","source":"_sio_adapter"}`),
			Envelope: &codec.Envelope{Type: codec.Broadcast, UID: uid, NSP: "/", Args: args},
		},
		{
			Name:     "our heartbeat",
			Format:   codec.Text,
			Bytes:    []byte(`{"uid":"` + uid + `","type":2,"nsp":"/","source":"_sio_adapter"}`),
			Envelope: &codec.Envelope{Type: codec.Heartbeat, UID: uid, NSP: "/"},
			Written:  true,
		},
		{
			Name:     "an unknown type",
			Format:   codec.Text,
			Bytes:    []byte(`{"type":77,"uid":"` + uid + `","nsp":"/","data":{"news":[1,2]}}`),
			Envelope: &codec.Envelope{Type: 77, UID: uid, NSP: "/"},
		},
		{
			Name:   "rooms with a null, as from to(undefined) in Node.js, and an unknown field",
			Format: codec.Text,
			Bytes: []byte(`{"type":3,"data":{"packet":{"type":2,"data":["hello",1],"nsp":"/"},` +
				`"opts":{"rooms":["a",null],"except":[null,"b"],"flags":{"volatile":1}}},` +
				`"uid":"` + uid + `","later":{}}`),
			Envelope: &codec.Envelope{Type: codec.Broadcast, UID: uid, Args: args, Skipped: 4,
				Opts: codec.Opts{Rooms: []string{"a"}, Except: []string{"b"}}},
		},
		{
			Name:   "rooms without a valid name",
			Format: codec.Text,
			Bytes:  []byte(`{"type":6,"data":{"opts":{"rooms":[null]},"close":true},"uid":"` + uid + `"}`),
			Envelope: &codec.Envelope{Type: codec.DisconnectSockets, UID: uid, Close: true, Skipped: 1,
				Opts: codec.Opts{Nobody: true}},
		},
		{
			Name:   "sockets with an invalid room, and one without an id",
			Format: codec.Text,
			Bytes: []byte(`{"type":8,"data":{"requestId":"1",` +
				`"sockets":[{"id":"s","rooms":["s",true]},{"rooms":[]}]},"uid":"` + uid + `"}`),
			Envelope: &codec.Envelope{Type: codec.FetchSocketsResponse, UID: uid, RequestID: "1", Skipped: 2,
				Sockets: []codec.Socket{{ID: "s", Rooms: []string{"s"}}}},
		},
		{Name: "trailing bytes", Format: codec.Text, Bytes: []byte(`{"type":2,"uid":"` + uid + `"}x`)},
	}
}

// oddCBOR are messages with invalid parts.
func oddCBOR() []conformance.Golden {
	return []conformance.Golden{
		{
			Name:   "rooms with a null, and an unknown key",
			Format: codec.Binary,
			Bytes:  []byte("\xa3\x01\x06\x07\xa1\x01\x82\x61a\xf6\x18\x64\x01"),
			Envelope: &codec.Envelope{Type: codec.DisconnectSockets, Skipped: 2,
				Opts: codec.Opts{Rooms: []string{"a"}}},
		},
		{
			Name:     "rooms without a valid name",
			Format:   codec.Binary,
			Bytes:    []byte("\xa2\x01\x06\x07\xa1\x01\x81\xf6"),
			Envelope: &codec.Envelope{Type: codec.DisconnectSockets, Skipped: 1, Opts: codec.Opts{Nobody: true}},
		},
		{
			Name:     "sockets, one without an id",
			Format:   codec.Binary,
			Bytes:    []byte("\xa2\x01\x08\x0b\x82\xa1\x01\x61s\xa0"),
			Envelope: &codec.Envelope{Type: codec.FetchSocketsResponse, Skipped: 1, Sockets: []codec.Socket{{ID: "s"}}},
		},
	}
}
