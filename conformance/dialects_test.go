//go:build !race

package conformance_test

// With the race detector, race_test.go tests concurrent use only.

import (
	"testing"

	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/transport"
)

func TestStandardDialect(t *testing.T) {
	conformance.Dialect(t, conformance.DialectHarness{Dialect: standard.Dialect{}, Codec: jsonmsgpack.Codec{}})
}

func TestStandardDialectWithCBOR(t *testing.T) {
	conformance.Dialect(t, conformance.DialectHarness{Dialect: standard.Dialect{}, Codec: cbor.Codec{}})
}

func TestLegacyDialect(t *testing.T) {
	conformance.Dialect(t, conformance.DialectHarness{
		Dialect: legacy.Dialect{MaxPartialBytes: 4 << 20},
		MaxKept: 4 << 20,
	})
}

func TestRedisShardedDialect(t *testing.T) {
	for _, mode := range []redissharded.Mode{redissharded.Static, redissharded.Dynamic, redissharded.DynamicPrivate} {
		t.Run(mode.String(), func(t *testing.T) {
			conformance.Dialect(t, conformance.DialectHarness{
				Dialect: redissharded.Dialect{Mode: mode},
				Limits:  []transport.Limits{{}, {Payload: 8 << 20, Channel: 100}},
			})
		})
	}
}

func TestRedisClassicDialect(t *testing.T) {
	for name, d := range map[string]redisclassic.Dialect{
		"SpecificResponses": {}, "SharedResponses": {SharedResponses: true},
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Dialect(t, conformance.DialectHarness{
				Dialect: d,
				Limits:  []transport.Limits{{}, {Payload: 8 << 20, Channel: 100}},
			})
		})
	}
}

func TestRedisStreamsDialect(t *testing.T) {
	conformance.Dialect(t, conformance.DialectHarness{
		Dialect: redisstreams.Dialect{},
		Limits:  []transport.Limits{{}, {Payload: 8 << 20, Channel: 100}},
	})
}

// TestRichDialect runs the suite on all buses with the dialect from which the mutants are made.
func TestRichDialect(t *testing.T) { conformance.Dialect(t, dialectHarness(richDialect{})) }
