package core_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

// Texts that other nodes or clients have sent are cut in error texts, because these are logged.
func TestErrorTextsAreShort(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	many := make([]string, 5000)
	for i := range many {
		many[i] = "some-node"
	}
	for _, err := range []error{
		&core.DropError{Reason: core.DropMalformed, Namespace: long, Type: codec.Broadcast, UID: long,
			Err: errors.New(long)},
		&core.PartialError{Op: "fetch sockets", Missing: many, Refused: many, Left: many},
		&core.PartialError{Op: "fetch sockets", Missing: []string{long}},
		&core.NameError{Kind: "namespace", Name: long, Reason: "too long"},
		&core.ReservedEventError{Event: long},
		&core.OpError{Op: "listen", Channel: long, Err: core.ErrClosed},
	} {
		require.Less(t, len(err.Error()), 4<<10, "%T", err)
	}
}
