package plainjson_test

import (
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/examples/dialect/plainjson"
)

func TestConformance(t *testing.T) {
	conformance.Dialect(t, conformance.DialectHarness{Dialect: plainjson.Dialect{}})
}
