package backplane_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/journal"
)

// The page has a row for each event, with its level and attributes, in the order of journal.All.
func TestPageOfLogsHasEveryEvent(t *testing.T) {
	page := read(t, "docs/reference/logs.md")
	rows := slices.Concat(table(t, page, "Level", 1), table(t, page, "Level", 2))
	type row struct {
		level, message string
		keys           []string
	}
	var documented, logged []row
	for _, cells := range rows {
		require.NotEmpty(t, cells[3], "%s: what it means", cells[1])
		documented = append(documented, row{cells[0], unquoted(cells[1]), quotedWords(cells[2])})
	}
	for _, e := range journal.All() {
		keys := slices.Clone(e.Keys)
		if e.Burst > 0 {
			keys = append(keys, journal.Suppressed)
		}
		logged = append(logged, row{e.Level.String(), e.Message, keys})
	}
	require.Equal(t, logged, documented)
}

// quotedWords returns the words in backquotes.
func quotedWords(cell string) (words []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	return words
}

// Whatever is logged is an event, so that it is in the list and on the page, and each event is logged somewhere.
func TestNothingIsLoggedThatIsNoEvent(t *testing.T) {
	var (
		call     = regexp.MustCompile(`(?i)(logger|slog)\.(Debug|Info|Warn|Error|Log|LogAttrs)(Context)?\(`)
		declared = regexp.MustCompile(`(?m)^\t(\w+)\s+= Event\{`)
		used     = regexp.MustCompile(`&journal\.(\w+)`)
	)
	const list, writer = "internal/journal/events.go", "internal/journal/journal.go"
	events := make(map[string]bool) // whether it is logged
	for _, m := range declared.FindAllStringSubmatch(read(t, list), -1) {
		events[m[1]] = false
	}
	require.Len(t, journal.All(), len(events), "journal.All has each event of %s", list)
	walk(t, ".go", func(path string) {
		top, _, _ := strings.Cut(path, "/")
		if strings.HasSuffix(path, "_test.go") || !slices.Contains([]string{"core", "socketio", "internal"}, top) ||
			strings.HasPrefix(path, "internal/e2e/") || path == writer {
			return
		}
		source := read(t, path)
		assert.NotRegexp(t, call, source, "%s logs through package journal", path)
		for _, m := range used.FindAllStringSubmatch(source, -1) {
			events[m[1]] = true
		}
	})
	for name, is := range events {
		assert.True(t, is, "journal.%s is logged", name)
	}
}
