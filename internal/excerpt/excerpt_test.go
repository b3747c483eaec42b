package excerpt_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/excerpt"
)

func TestExcerpts(t *testing.T) {
	whole := strings.Repeat("x", excerpt.Max)
	require.Equal(t, whole, excerpt.Of(whole))
	require.Equal(t, whole+"… (257 bytes)", excerpt.Of(whole+"y"))
	require.Equal(t, "", excerpt.Of(""))
	for i := range 4 { // the excerpt is valid text wherever it is cut
		s := excerpt.Of(strings.Repeat("x", i) + strings.Repeat("😀", 100))
		require.True(t, utf8.ValidString(s), "%q", s)
		require.LessOrEqual(t, len(s), excerpt.Max+30)
	}
	require.LessOrEqual(t, len(excerpt.Of(strings.Repeat("\xbf", 1000))), excerpt.Max+30,
		"text that is not valid UTF-8")
	long := errors.New(strings.Repeat("x", 100_000))
	require.Equal(t, long.Error()[:excerpt.MaxError]+"… (100000 bytes)", excerpt.Error(long))

	require.Equal(t, "", excerpt.List(nil))
	require.Equal(t, "a, b", excerpt.List([]string{"a", "b"}))
	many := make([]string, 1000)
	for i := range many {
		many[i] = strings.Repeat("x", 1000)
	}
	list := excerpt.List(many)
	require.True(t, strings.HasSuffix(list, " and 992 more"), list)
	require.Less(t, len(list), 9*(excerpt.Max+30))
}
