package legacy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

const (
	within30 = 30 * time.Second
	tick     = 10 * time.Millisecond
)

func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// roster is a hub whose entries a test can see and close.
type roster struct {
	*memory.Hub
	refuse error

	mu      sync.Mutex
	entries []transport.Entry
}

func newRoster() *roster { return &roster{Hub: memory.NewHub()} }

func (r *roster) Enter(ctx context.Context, name string) (transport.Entry, error) {
	if r.refuse != nil {
		return nil, r.refuse
	}
	e, err := r.Hub.Enter(ctx, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	return e, err
}

// last returns the entry that was opened last.
func (r *roster) last() transport.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entries[len(r.entries)-1]
}

// foreign adds an entry of a Node.js server.
func (r *roster) foreign(tb testing.TB, name string) string {
	tb.Helper()
	e, err := r.EnterForeign(within(tb), name)
	require.NoError(tb, err)
	return e.Info().ID
}

func (r *roster) all(tb testing.TB) []string {
	tb.Helper()
	infos, err := r.Entries(within(tb), "")
	require.NoError(tb, err)
	var names []string
	for _, info := range infos {
		names = append(names, info.Name)
	}
	slices.Sort(names)
	return names
}

func newCensus(tb testing.TB, d legacy.Dialect, prefix string, bus any) dialect.Census {
	tb.Helper()
	w, err := d.Open(dialect.Options{Prefix: prefix, Bus: bus, Limits: limits})
	require.NoError(tb, err)
	return w.(dialect.Census)
}

func others(tb testing.TB, c dialect.Census, nsp string) (certain, possible []string) {
	tb.Helper()
	nodes, err := c.Others(within(tb), nsp)
	require.NoError(tb, err)
	slices.Sort(nodes.Certain)
	slices.Sort(nodes.Possible)
	return nodes.Certain, nodes.Possible
}

func TestNodesShowEachOfTheirNamespaces(t *testing.T) {
	r := newRoster()
	a, b := newCensus(t, legacy.Dialect{}, "k", r), newCensus(t, legacy.Dialect{}, "k", r)
	for _, nsp := range []string{"/", "/chat", "/a#b"} {
		require.NoError(t, a.Enter(within(t), nsp))
		require.NoError(t, a.Enter(within(t), nsp), "entering again does nothing")
	}
	require.Equal(t, []string{"socket.io-k-request#/#", "socket.io-k-request#/a#b#", "socket.io-k-request#/chat#"},
		r.all(t))
	require.NoError(t, b.Enter(within(t), "/chat"))
	inChat := r.last().Info().ID

	certain, possible := others(t, a, "/chat")
	assert.Equal(t, []string{inChat}, certain)
	assert.Empty(t, possible)
	certain, possible = others(t, a, "/")
	assert.Empty(t, certain, "b has not opened it")
	assert.Empty(t, possible)
	certain, _ = others(t, b, "/")
	assert.Len(t, certain, 1, "b can ask a nevertheless")

	require.NoError(t, b.Leave(within(t), "/chat"))
	require.NoError(t, b.Leave(within(t), "/chat"))
	certain, _ = others(t, a, "/chat")
	assert.Empty(t, certain)
	for _, nsp := range []string{"/", "/chat", "/a#b", "/none"} {
		require.NoError(t, a.Leave(within(t), nsp))
	}
	assert.Empty(t, r.all(t))
}

func TestNodesOfNodeShowTheirLastNamespace(t *testing.T) {
	r := newRoster()
	c := newCensus(t, legacy.Dialect{}, "k", r)
	require.NoError(t, c.Enter(within(t), "/chat"))
	require.NoError(t, c.Enter(within(t), "/"))
	require.NoError(t, c.Enter(within(t), "/ü"))
	main, chat := r.foreign(t, "socket.io-k-request#/#"), r.foreign(t, "socket.io-k-request#/chat#")
	altered := r.foreign(t, "socket.io-k-request#/??#")
	for _, name := range []string{"socket.io-other-request#/#", "socket.io-k2-request#/chat#", "psql", "socket.io-k"} {
		r.foreign(t, name)
	}
	ids := func(list ...string) []string { return slices.Sorted(slices.Values(list)) }

	certain, possible := others(t, c, "/")
	assert.Equal(t, ids(main, chat, altered), certain, "each server of Socket.IO 2 has /")
	assert.Empty(t, possible)
	certain, possible = others(t, c, "/chat")
	assert.Equal(t, ids(chat), certain)
	assert.Equal(t, ids(main, altered), possible)
	certain, possible = others(t, c, "/ü")
	assert.Empty(t, certain)
	assert.Equal(t, ids(main, chat, altered), possible)
}

func TestNamesThatAreCutMayBeOfSeveralNamespaces(t *testing.T) {
	long := "/" + strings.Repeat("x", 80)
	shown := ("socket.io-k-request#" + long)[:63]
	r := newRoster()
	c := newCensus(t, legacy.Dialect{}, "k", r)
	node := r.foreign(t, shown)
	e, err := r.Hub.Enter(within(t), shown) // of this library, for this namespace or another one
	require.NoError(t, err)
	certain, possible := others(t, c, long)
	assert.Empty(t, certain)
	assert.ElementsMatch(t, []string{node, e.Info().ID}, possible)
	certain, possible = others(t, c, "/")
	assert.Equal(t, []string{node}, certain)
	assert.Empty(t, possible)

	prefix := strings.Repeat("k", 80)
	c = newCensus(t, legacy.Dialect{}, prefix, r)
	node = r.foreign(t, ("socket.io-" + prefix)[:63])
	for _, nsp := range []string{"/", "/chat"} {
		certain, possible = others(t, c, nsp)
		assert.Empty(t, certain)
		assert.Equal(t, []string{node}, possible, "the name does not even show the whole prefix")
	}
}

func TestAnEntryThatWasLostIsRestored(t *testing.T) {
	r := newRoster()
	c := newCensus(t, legacy.Dialect{}, "k", r)
	require.NoError(t, c.Enter(within(t), "/"))
	require.NoError(t, r.last().Close(within(t)))
	require.Empty(t, r.all(t))
	certain, _ := others(t, c, "/")
	require.Empty(t, certain)
	require.Equal(t, []string{"socket.io-k-request#/#"}, r.all(t))

	require.NoError(t, r.last().Close(within(t)))
	r.refuse = errors.New("too many connections")
	others(t, c, "/") // works although the connection cannot be restored
	r.refuse = nil
	others(t, c, "/")
	require.Equal(t, []string{"socket.io-k-request#/#"}, r.all(t))
}

func TestEntriesAreBounded(t *testing.T) {
	r := newRoster()
	c := newCensus(t, legacy.Dialect{MaxCounted: 2}, "k", r)
	for _, nsp := range []string{"/", "/a", "/b"} {
		require.NoError(t, c.Enter(within(t), nsp))
	}
	require.Equal(t, []string{"socket.io-k-request#/#", "socket.io-k-request#/a#"}, r.all(t))
	other := newCensus(t, legacy.Dialect{}, "k", r)
	require.NoError(t, other.Enter(within(t), "/b"))
	certain, _ := others(t, c, "/b")
	require.Len(t, certain, 1)
	require.NoError(t, other.Leave(within(t), "/b"))

	require.NoError(t, c.Leave(within(t), "/a"))
	others(t, c, "/b")
	require.Equal(t, []string{"socket.io-k-request#/#", "socket.io-k-request#/b#"}, r.all(t), "there is room now")

	none := newCensus(t, legacy.Dialect{MaxCounted: -1}, "k", r)
	require.NoError(t, none.Enter(within(t), "/"))
	require.Len(t, r.all(t), 2)
}

func TestErrorsOfTheRoster(t *testing.T) {
	r := newRoster()
	r.refuse = errors.New("too many connections")
	c := newCensus(t, legacy.Dialect{MaxCounted: 1}, "k", r)
	require.ErrorIs(t, c.Enter(within(t), "/"), r.refuse)
	r.refuse = nil
	require.NoError(t, c.Enter(within(t), "/"))
	require.Len(t, r.all(t), 1)
	r.Fail(errors.New("down"))
	_, err := c.Others(within(t), "/")
	require.Error(t, err)
}

// A bus without a roster suffices for emitters, which do not count.
func TestABusWithoutARoster(t *testing.T) {
	c := newCensus(t, legacy.Dialect{}, "k", nil)
	var config *fault.ConfigError
	require.ErrorAs(t, c.Enter(within(t), "/"), &config)
	_, err := c.Others(within(t), "/")
	require.ErrorAs(t, err, &config)
	require.NoError(t, c.Leave(within(t), "/"))
}

func TestEnterAndLeaveAtTheSameTime(t *testing.T) {
	r := newRoster()
	c := newCensus(t, legacy.Dialect{}, "k", r)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				assert.NoError(t, c.Enter(within(t), "/"))
				_, err := c.Others(within(t), "/")
				assert.NoError(t, err)
				assert.NoError(t, c.Leave(within(t), "/"))
			}
		})
	}
	group.Wait()
	require.Empty(t, r.all(t))
	require.NoError(t, c.Enter(within(t), "/"))
	require.Len(t, r.all(t), 1)
}
