package retention_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/retention"
)

var start = time.Unix(1_000_000, 0)

func unlimited() retention.Limits {
	return retention.Limits{Items: math.MaxInt, Bytes: math.MaxInt, Oldest: start.Add(-time.Hour)}
}

func event(namespace string, payload int, rooms ...string) retention.Event[int] {
	return retention.Event[int]{Namespace: namespace, Rooms: rooms, Payload: payload}
}

// after returns the payloads of the events after event n.
func after(l *retention.Log[int], n uint64, namespace string, rooms ...string) (payloads []int) {
	for e := range l.After(n, namespace, rooms) {
		payloads = append(payloads, e.Payload)
	}
	return payloads
}

func TestLog(t *testing.T) {
	l := retention.NewLog[int]("ab")
	first := l.Append(event("/a", 1), 10, start)
	second := l.Append(event("/a", 2, "x", "y"), 10, start)
	excepted := event("/a", 3)
	excepted.Except = []string{"x"}
	l.Append(excepted, 10, start)
	l.Append(event("/b", 4), 10, start)

	t.Run("OffsetsHaveNumbers", func(t *testing.T) {
		for want, offset := range []string{"", first, second} {
			n, known := l.Number(offset)
			assert.True(t, known, "%q", offset)
			assert.EqualValues(t, want, n, "%q", offset)
		}
		for _, offset := range []string{"ab", "ab0", "ab5", "abzz", "cd1", "1", l.Offset(5)} {
			_, known := l.Number(offset)
			assert.False(t, known, "%q", offset)
		}
	})
	t.Run("AfterSelectsByNamespaceAndRoom", func(t *testing.T) {
		assert.Equal(t, []int{1, 2}, after(l, 0, "/a", "x"))
		assert.Equal(t, []int{2, 3}, after(l, 1, "/a", "y"))
		assert.Equal(t, []int{1, 3}, after(l, 0, "/a"))
		assert.Equal(t, []int{4}, after(l, 0, "/b", "x"))
		assert.Empty(t, after(l, 4, "/b"))
	})
	t.Run("EvictsTheOldestAboveALimit", func(t *testing.T) {
		l.Evict(unlimited())
		require.Equal(t, 4, l.Len())
		require.False(t, l.Evicted(0, "/a", []string{"x"}), "nothing has been evicted yet")
		for left, limits := range map[int]retention.Limits{
			3: {Items: 3, Bytes: math.MaxInt, Oldest: start.Add(-1)},
			2: {Items: math.MaxInt, Bytes: 29, Oldest: start.Add(-1)},
		} {
			if l.Len() > left {
				l.Evict(limits)
				require.LessOrEqual(t, l.Len(), left)
			}
		}
		require.Equal(t, 2, l.Len())
		assert.True(t, l.Evicted(0, "/a", nil), "Evicted must be true: the first event was for all sockets")
		assert.False(t, l.Evicted(1, "/a", []string{"z"}),
			"Evicted must be false: the second event was for other rooms")
		assert.True(t, l.Evicted(1, "/a", []string{"z", "y"}))
		assert.False(t, l.Evicted(0, "/b", []string{"x"}), "Evicted must be false for a different namespace")
		assert.Equal(t, []int{3}, after(l, 0, "/a", "y"))
		l.Evict(retention.Limits{Items: math.MaxInt, Bytes: math.MaxInt, Oldest: start})
		assert.Zero(t, l.Len(), "an event as old as Oldest must be evicted")
		n, known := l.Number(second)
		assert.True(t, known, "offsets of evicted events must be known")
		assert.EqualValues(t, 2, n)
	})
}

func TestTable(t *testing.T) {
	var table retention.Table[string]
	find := func(namespace, id string) string {
		s, _ := table.Find(namespace, id)
		return s
	}
	table.Save("/a", "1", "one", 10, start)
	table.Save("/a", "2", "two", 10, start.Add(1))
	table.Save("/b", "3", "three", 10, start.Add(2))
	table.Save("/a", "1", "one again", 10, start.Add(3))
	require.Equal(t, "one again", find("/a", "1"))
	require.Empty(t, find("/b", "1"), "a session of another namespace must not be found")

	table.Evict(unlimited())
	sessions, _ := table.Len()
	require.Equal(t, 3, sessions)
	table.Evict(retention.Limits{Items: 3, Bytes: 29, Oldest: start.Add(-1)})
	require.Empty(t, find("/a", "2"), "session 2 must be evicted: it is the oldest, because session 1 was saved again")
	require.Equal(t, "three", find("/b", "3"))
	table.RemoveNamespace("/b")
	require.Empty(t, find("/b", "3"))
	table.Evict(retention.Limits{Items: 0, Bytes: math.MaxInt, Oldest: start.Add(-1)})
	sessions, noted := table.Len()
	require.Zero(t, sessions+noted)

	for range 100 {
		table.Save("/a", "x", "x", 1, start)
		table.Remove("x")
		table.Evict(unlimited())
	}
	_, noted = table.Len()
	require.Less(t, noted, 20, "entries of removed sessions must not be kept for long")
}
