package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport"
)

// header returns what backplane_log_append sends for a statement.
func header(epoch string, parts []part, firsts map[string]uint64) []byte {
	text := epoch
	for i := range parts {
		p := &parts[i]
		text += fmt.Sprintf(" %d %d %s %s", firsts[p.channel], len(p.channel), p.channel, p.runs())
	}
	return []byte(text)
}

// A session gives each message the position that the sender has learned, whatever is kept on which channel.
func TestPositionsOfASessionAreThoseOfTheSender(t *testing.T) {
	channels := []string{"a", "b c 1,2", "ü 3 4 x 5"}
	next := map[string]uint64{"a": 1, "b c 1,2": 1 << 40, "ü 3 4 x 5": 7}
	p := newPlaces("log:x")
	p.start(channels[:2])
	p.sync = "0"
	require.False(t, p.accept("log:x", []byte("sync: 0")))
	b := newBatcher()
	for round := range 200 {
		records := make([]transport.Record, 1+rand.IntN(1500))
		for i := range records {
			records[i].Channel = channels[rand.IntN(len(channels))]
			records[i].Payload = []byte(fmt.Sprint(round, i))
			records[i].Keep = rand.IntN(10) < round%11
		}
		for done := 0; done < len(records); {
			n := b.recordBatch(records[done:])
			statement := records[done : done+n]
			done += n
			answer := "epoch123"
			firsts := make(map[string]uint64)
			for i := range b.parts.list {
				part := &b.parts.list[i]
				firsts[part.channel] = next[part.channel]
				answer += fmt.Sprint(" ", next[part.channel])
				next[part.channel] += uint64(part.kept)
			}
			setPositions(statement, answer)
			if len(b.parts.list) > 0 {
				sent := header("epoch123", b.parts.list, firsts)
				require.LessOrEqual(t, len(sent), maxHeader)
				require.False(t, p.accept("log:x", sent))
			}
			for i, r := range statement {
				require.True(t, p.accept(r.Channel, r.Payload))
				if r.Channel == channels[2] { // the session does not listen to it
					require.Zero(t, p.current)
					continue
				}
				require.Equal(t, r.Position(), p.current, "message %d of %d", i, len(statement))
			}
		}
	}
}

// The header of a statement in which every message changes something still fits into a notification.
func TestHeadersFitIntoANotification(t *testing.T) {
	records := make([]transport.Record, maxBatchItems)
	for i := range records {
		records[i].Channel = strings.Repeat("x", 60) + fmt.Sprint(i/2%100)
		records[i].Payload = []byte(fmt.Sprint(i))
		records[i].Keep = i%4 != 1
	}
	b := newBatcher()
	statements := 0
	for done := 0; done < len(records); statements++ {
		done += b.recordBatch(records[done:])
		firsts := make(map[string]uint64)
		for _, part := range b.parts.list {
			firsts[part.channel] = 1<<62 - 1
		}
		require.LessOrEqual(t, len(header("epoch123", b.parts.list, firsts)), maxHeader)
	}
	require.Greater(t, statements, 1)
}

func TestMessagesOfANewChannelAreDroppedUntilItIsSynchronized(t *testing.T) {
	p := newPlaces("log:x")
	p.start([]string{"a"})
	p.sync = "1"
	require.False(t, p.accept("log:x", []byte("epoch123 1 1 a 5")))
	require.False(t, p.accept("a", []byte("the server may have left out the first of these")))
	require.False(t, p.accept("log:x", []byte("sync: 0")))
	require.False(t, p.accept("a", []byte("that was the notification of another session")))
	require.False(t, p.accept("log:x", []byte("sync: 1")))
	p.start([]string{"a"})
	require.Empty(t, p.started, "listening again changes nothing")
	require.False(t, p.accept("log:x", []byte("epoch123 6 1 a 1")))
	require.True(t, p.accept("a", nil))
	require.Equal(t, uint64(6), p.current.Offset.Major)
	require.True(t, p.accept("a", nil))
	require.Zero(t, p.current, "a message that nobody has announced is not kept")
	p.stop("a")
	require.False(t, p.accept("log:x", []byte("epoch123 7 1 a 1")))
	require.True(t, p.accept("a", nil))
	require.Zero(t, p.current)
}

// FuzzHeader shows that no header makes a session fail or lose a message.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		"epoch123 1 1 a 1", "epoch123 1 1 a 0,3,4 7 2 bb 1", "epoch123", "sync: x", "", " ", "epoch123 1 99 a 1",
		"epoch123 18446744073709551615 1 a 1", "epoch123 1 1 a 999999999", "epoch123 1 1 a ,", "epoch123 1 1 a 1,",
		"epoch123 0 1 a 1", "e 1 1 a 1", "epoch123 1 18446744073709551615 a 1",
		"epoch123 1 1 a 0,0,0", "epoch123 1 0  1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := newPlaces("log:x")
		p.start([]string{"a", "bb"})
		p.sync = "0"
		require.False(t, p.accept("log:x", []byte("sync: 0")))
		require.False(t, p.accept("log:x", append([]byte(nil), text...)))
		for range 20 {
			require.True(t, p.accept("a", nil))
			if p.current.Epoch != "" {
				require.True(t, isEpoch([]byte(p.current.Epoch)))
				require.NotZero(t, p.current.Offset.Major)
			}
			require.True(t, p.accept("bb", nil))
		}
		require.False(t, p.accept("log:x", []byte("epoch123 5 1 a 1")))
		require.True(t, p.accept("a", nil))
		require.Equal(t, uint64(5), p.current.Offset.Major)
	})
}

// FuzzPayloads shows that no row of the log makes a reader fail.
func FuzzPayloads(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x19\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01a"))
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x19\xff\xff\xff\xff\x00\x00\x00\x01\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, row []byte) {
		payloads, err := splitPayloads(row)
		size := 20
		for _, p := range payloads {
			size += 4 + len(p)
		}
		if err == nil {
			require.Len(t, row, size)
		}
	})
}
