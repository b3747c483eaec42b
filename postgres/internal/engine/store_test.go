package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseIDAcceptsOnlyIDsThatPutReturns(t *testing.T) {
	for _, id := range []string{"1", "10", "9223372036854775807"} {
		_, ok := parseID(id)
		require.True(t, ok, id)
	}
	for _, id := range []string{
		"", "0", "01", "007", "+1", "-1", " 1", "1 ", "1\x00", "1.0", "1e3",
		"0x1", "1_0", "\u0661", "9223372036854775808",
	} {
		_, ok := parseID(id)
		require.False(t, ok, "%q", id)
	}
}
