package conformance_test

import (
	"testing"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/conformance"
)

func TestJSONMsgpackCodec(t *testing.T) {
	conformance.Codec(t, conformance.CodecHarness{Codec: jsonmsgpack.Codec{}, Golden: golden()})
}

func TestCBORCodec(t *testing.T) {
	conformance.Codec(t, conformance.CodecHarness{Codec: cbor.Codec{}})
}

// golden are messages as Node.js's adapters and this library write them.
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
			Name:     "a broadcast of adapter 0.5",
			Format:   codec.Text,
			Bytes:    []byte(`{"type":3,"data":{"packet":{"type":2,"data":["hello",1],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{}}},"uid":"` + uid + `","nsp":"/","source":"_sio_adapter"}`),
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
			Name:     "a type of the future",
			Format:   codec.Text,
			Bytes:    []byte(`{"type":77,"uid":"` + uid + `","nsp":"/","data":{"news":[1,2]}}`),
			Envelope: &codec.Envelope{Type: 77, UID: uid, NSP: "/"},
		},
		{Name: "trailing bytes", Format: codec.Text, Bytes: []byte(`{"type":2,"uid":"` + uid + `"}x`)},
	}
}
