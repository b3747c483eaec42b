//go:build race

package conformance_test

import (
	"testing"

	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/dialect/standard"
)

const raceEnabled = true

// The other checks of codecs and dialects compute on one goroutine: codecs_test.go and dialects_test.go.
func TestCodecsInConcurrentUse(t *testing.T) {
	for _, h := range []conformance.CodecHarness{
		{Codec: jsonmsgpack.Codec{}, Golden: golden()},
		{Codec: cbor.Codec{}, Golden: oddCBOR()},
	} {
		conformance.CheckCodec(t, concurrentUse, h)
	}
}

func TestDialectsInConcurrentUse(t *testing.T) {
	for _, h := range []conformance.DialectHarness{
		{Dialect: standard.Dialect{}, Codec: jsonmsgpack.Codec{}},
		{Dialect: standard.Dialect{}, Codec: cbor.Codec{}},
		{Dialect: legacy.Dialect{MaxPartialBytes: 4 << 20}, MaxKept: 4 << 20},
		dialectHarness(richDialect{}),
	} {
		conformance.CheckDialect(t, concurrentUse, h)
	}
}
