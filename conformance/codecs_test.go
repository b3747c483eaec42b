//go:build !race

package conformance_test

// With the race detector, race_test.go tests concurrent use only.

import (
	"testing"

	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/conformance"
)

func TestJSONMsgpackCodec(t *testing.T) {
	conformance.Codec(t, conformance.CodecHarness{Codec: jsonmsgpack.Codec{}, Golden: golden()})
}

func TestCBORCodec(t *testing.T) {
	conformance.Codec(t, conformance.CodecHarness{Codec: cbor.Codec{}, Golden: oddCBOR()})
}

// golden are messages as the adapters of Node.js and this library write them.
