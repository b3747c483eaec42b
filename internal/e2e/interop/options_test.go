package interop_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// TestInteropOptions: the channel prefix, the table and the threshold have the same meaning on both sides.
func TestInteropOptions(t *testing.T) {
	for _, driver := range []string{pgxDriver, pqDriver} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			pgtest.Exec(t, url, "CREATE SCHEMA app")
			w := &world{url: url, recorder: interop.Record(t, url, "app.attachments"),
				prefix: "My App é", table: "app.attachments", threshold: 1000}
			node, ours := w.start(t, interop.Adapter05), w.startGo(t, driver)
			t.Run("NodeToGo", func(t *testing.T) { thresholds(newFixture(t, w, node, ours, scenario{})) })
			t.Run("GoToNode", func(t *testing.T) { thresholds(newFixture(t, w, ours, node, scenario{})) })
			rows := pgtest.QueryInt(t, url, "SELECT count(*) FROM app.attachments")
			require.Equal(t, 4, rows, "the attachments of all nodes must be in one table")
		})
	}
}

// thresholds sends messages just below and above the threshold, and a binary one.
func thresholds(f *fixture) {
	c := f.join(f.to)
	for _, s := range []struct {
		arg      any
		attached bool
	}{{strings.Repeat("x", 500), false}, {strings.Repeat("x", 1500), true}, {[]byte("binary"), true}} {
		f.emit(f.from, interop.Target{}, "event", s.arg)
		f.expect([]client{c}, "event", s.arg)
		require.Equal(f, s.attached, f.sent(f.from, 3).AttachmentID != "")
	}
}

// TestInteropNamespaces: unusual names, and the longest that fits into a channel's name. A quotation mark in a name
// breaks the SQL of Node.js's adapters, so the tests between our own nodes have that.
func TestInteropNamespaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	node, ours := w.start(t, interop.Adapter05), w.startGo(t, pgxDriver)
	longest := "/" + strings.Repeat("n", 63-len("interop#/"))
	// "/" comes last, because an adapter that has closed its last namespace never listens again
	for _, nsp := range []string{"/Chat", "/chat", "/a b", "/a/b", "/it's", "/%s;--", "/ключ😀", longest, "/"} {
		t.Run(nsp, func(t *testing.T) {
			f := newFixture(t, w, node, ours, scenario{nsp: nsp})
			near, far := f.join(f.from), f.join(f.to)
			f.emit(f.from, interop.Target{}, "from Node.js", nsp)
			f.expect([]client{near, far}, "from Node.js", nsp)
			f.emit(f.to, interop.Target{}, "from Go", nsp, []byte{1})
			f.expect([]client{near, far}, "from Go", nsp, []byte{1})
		})
	}
}
