package retention_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/retention"
	"github.com/backplane-go/backplane/transport"
)

var start = time.Unix(1_000_000, 0)

func unlimited() retention.Limits {
	return retention.Limits{Items: math.MaxInt, Bytes: math.MaxInt, Oldest: start.Add(-time.Hour)}
}

func at(n uint64) transport.Offset { return transport.Offset{Major: n} }

// add appends an entry of 10 bytes whose payload is its position.
func add(s *retention.Stream[int], n int, rooms, except []string) {
	s.Append(retention.Entry[int]{Position: at(uint64(n)), Rooms: rooms, Except: except, Payload: n}, 10, start)
}

// after returns the payloads of the entries after a position.
func after(s *retention.Stream[int], n uint64, rooms ...string) (payloads []int) {
	in := make(map[string]struct{})
	for _, room := range rooms {
		in[room] = struct{}{}
	}
	s.Walk(at(n), in, func(e *retention.Entry[int]) []string {
		payloads = append(payloads, e.Payload)
		return nil
	})
	return payloads
}

func TestLog(t *testing.T) {
	var l retention.Log[int]
	a, b := l.Open(at(0)), l.Open(at(100))
	add(a, 1, nil, nil)
	add(a, 2, []string{"x", "y", "x"}, nil)
	add(a, 3, nil, []string{"x"})
	add(b, 104, nil, nil)
	add(a, 7, []string{"x"}, []string{"y"})

	t.Run("WalkSelectsByStreamAndRoom", func(t *testing.T) {
		assert.Equal(t, []int{1, 2, 7}, after(a, 0, "x"))
		assert.Equal(t, []int{2, 3}, after(a, 1, "y"))
		assert.Equal(t, []int{1, 2}, after(a, 0, "x", "y"))
		assert.Equal(t, []int{1, 3}, after(a, 0))
		assert.Equal(t, []int{7}, after(a, 5, "x"), "5 is no entry's position")
		assert.Equal(t, []int{104}, after(b, 100, "x"))
		assert.Empty(t, after(b, 104))
	})
	t.Run("CompleteOnlyAfterTheStart", func(t *testing.T) {
		assert.True(t, b.Complete(at(100), nil))
		assert.False(t, b.Complete(at(99), nil), "the entry at 100 was never appended")
	})
	t.Run("EvictsTheOldestAboveALimit", func(t *testing.T) {
		l.Evict(unlimited())
		require.Equal(t, 5, l.Len())
		require.True(t, a.Complete(at(0), []string{"x"}), "nothing has been evicted yet")
		l.Evict(retention.Limits{Items: 4, Bytes: math.MaxInt, Oldest: start.Add(-1)})
		require.Equal(t, 4, l.Len())
		l.Evict(retention.Limits{Items: math.MaxInt, Bytes: 39, Oldest: start.Add(-1)})
		require.Equal(t, 3, l.Len())
		assert.False(t, a.Complete(at(0), nil), "the first entry was for all sockets")
		assert.True(t, a.Complete(at(1), []string{"z"}), "the second entry was for other rooms")
		assert.False(t, a.Complete(at(1), []string{"z", "y"}))
		assert.True(t, b.Complete(at(100), []string{"x"}), "the evicted entries are of another stream")
		assert.Equal(t, []int{3}, after(a, 0, "y"))
		l.Evict(retention.Limits{Items: math.MaxInt, Bytes: math.MaxInt, Oldest: start})
		assert.Zero(t, l.Len(), "an entry as old as Oldest must be evicted")
		assert.Zero(t, l.Bytes())
		assert.Empty(t, after(a, 0, "x", "y"))
		add(a, 8, []string{"x"}, nil)
		assert.Equal(t, []int{8}, after(a, 7, "x"))
	})
}

// While Walk goes on, the rooms change: entries for a room count from when it was added until it is removed.
func TestWalkWhileRoomsChange(t *testing.T) {
	var l retention.Log[int]
	s := l.Open(at(0))
	for n, room := range []string{"", "new", "mine", "new", "other", "mine", "new", "mine"} {
		if n > 0 {
			add(s, n, []string{room}, nil)
		}
	}
	rooms := map[string]struct{}{"mine": {}}
	var got []int
	s.Walk(at(0), rooms, func(e *retention.Entry[int]) (added []string) {
		got = append(got, e.Payload)
		switch e.Payload {
		case 2:
			return []string{"new", "mine"}
		case 5:
			delete(rooms, "new")
		}
		return nil
	})
	require.Equal(t, []int{2, 3, 5, 7}, got)
}

func TestRoomsOfEvictedEntries(t *testing.T) {
	var l retention.Log[int]
	s, closed := l.Open(at(0)), l.Open(at(0))
	add(closed, 1, []string{"x"}, nil)
	closed.Close()
	n := 0
	to := func(room string) uint64 {
		n++
		add(s, n, []string{room}, nil)
		l.Evict(retention.Limits{Items: 1, Bytes: math.MaxInt, Oldest: start.Add(-1)})
		return uint64(n)
	}
	first := to("start")
	to("a")
	to("b")
	to("b")
	require.True(t, s.Complete(at(first), []string{"c", "d"}))
	require.False(t, s.Complete(at(first), []string{"c", "a"}))
	require.True(t, s.Complete(at(first+1), []string{"a"}))
	const known = 1 << 16
	for i := range known + 10 { // more than it can remember
		to(fmt.Sprint(i))
	}
	require.False(t, s.Complete(at(first), []string{"c"}), "forgotten entries may have been for any socket")
	late := to("late")
	to("e")
	to("f")
	require.True(t, s.Complete(at(late), []string{"c"}))
	require.False(t, s.Complete(at(late), []string{"e"}))
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
