package pgxdriver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// readAll lets a listener read until its stream ends. It returns what was delivered, the listener and the final
// error.
func readAll(reader io.Reader) ([]note, *listener, error) {
	var got []note
	l := newListener(nil, newStream(reader), func(channel string, payload []byte) {
		got = append(got, note{channel, string(payload)})
	})
	for {
		if err := l.read(); err != nil {
			return got, l, err
		}
	}
}

// pieces reads at most size bytes at a time.
type pieces struct {
	from io.Reader
	size int
}

func (p pieces) Read(b []byte) (int, error) { return p.from.Read(b[:min(p.size, len(b))]) }

func TestStreamSplitAnywhere(t *testing.T) {
	want := []note{{"a", "1"}, {"b", ""}, {"", "no channel"}, {"a", strings.Repeat("ü", 3999)}, {"a", "last"}}
	wire := encode(t,
		notification("a", "1"), notification("b", ""), &pgproto3.NoticeResponse{Severity: "NOTICE", Message: "hello"},
		notification("", "no channel"), &pgproto3.ParameterStatus{Name: "TimeZone", Value: "UTC"}, done(), ready(),
		notification("a", want[3].payload), fault("ERROR", "42501"), &pgproto3.EmptyQueryResponse{}, notification("a",
			"last"),
	)
	for _, size := range []int{1, 2, 3, 4, 5, 6, 7, 11, 64, 1000, 8192, 1 << 20} {
		got, l, err := readAll(pieces{bytes.NewReader(wire), size})
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, want, got, "%d bytes at a time", size)
		require.Equal(t, "42501", l.refused.Code)
		require.True(t, l.answered)
	}
	got, _, err := readAll(iotest.DataErrReader(bytes.NewReader(wire)))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, want, got, "data that is returned together with an error must not be lost")
}

func TestStreamOfManyBuffers(t *testing.T) {
	var want []note
	var wire []byte
	for i := range 2000 {
		n := note{fmt.Sprint("channel ", i%1500), strings.Repeat("x", i*7%8000)} // more channels than the cache keeps
		want = append(want, n)
		wire = append(wire, encode(t, notification(n.channel, n.payload))...)
	}
	got, l, err := readAll(bytes.NewReader(wire))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, want, got)
	require.Len(t, l.stream.buf, streamSize)
	require.LessOrEqual(t, len(l.channels.all), maxNames)
}

func TestBufferGrowsOnlyForALargeMessage(t *testing.T) {
	large := encode(t, &pgproto3.NoticeResponse{Severity: "NOTICE", Message: strings.Repeat("x", 300_000)})
	var sizes []int
	from := io.MultiReader(
		bytes.NewReader(encode(t, notification("a", "1"))), bytes.NewReader(large),
		bytes.NewReader(encode(t, notification("a", "2"))),
	)
	s := newStream(from)
	got := 0
	l := newListener(nil, s, func(string, []byte) {
		got++
		sizes = append(sizes, len(s.buf))
	})
	var err error
	for err == nil {
		err = l.read()
	}
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 2, got)
	require.Equal(t, []int{streamSize, streamSize}, sizes)
}

func TestPayloadsAndNamesDoNotShareTheBuffer(t *testing.T) {
	s := newStream(bytes.NewReader(encode(t, notification("a", "one"), notification("a", "two"),
		notification("b", ""))))
	var names []string
	var payloads [][]byte
	l := newListener(nil, s, func(channel string, payload []byte) {
		names, payloads = append(names, channel), append(payloads, payload)
	})
	require.NoError(t, l.read())
	clear(s.buf)
	require.Equal(t, []string{"a", "a", "b"}, names)
	require.Equal(t, [][]byte{[]byte("one"), []byte("two"), {}}, payloads)
	require.Less(t, cap(payloads[0]), 64, "a message must not keep other memory alive")
	_ = append(payloads[0], "more"...)
	require.Equal(t, "two", string(payloads[1]))
}

// malformedStreams are streams that no server sends.
var malformedStreams = map[string]string{
	"zero length":              "A\x00\x00\x00\x00",
	"length below the minimum": "Z\x00\x00\x00\x03",
	"length of a megabyte":     "N\x00\x10\x00\x00",
	"negative length":          "A\xff\xff\xff\xff",
	"unknown kind":             "x\x00\x00\x00\x04",
	"copy response":            "G\x00\x00\x00\x07\x00\x00\x00",
	"authentication":           "R\x00\x00\x00\x08\x00\x00\x00\x00",
	"plain text":               "HTTP/1.1 400 Bad Request\r\n\r\n",
	"no process":               "A\x00\x00\x00\x07\x00\x00\x00",
	"no channel":               "A\x00\x00\x00\x08\x00\x00\x00\x07",
	"unterminated channel":     "A\x00\x00\x00\x09\x00\x00\x00\x07a",
	"no payload":               "A\x00\x00\x00\x0a\x00\x00\x00\x07a\x00",
	"unterminated payload":     "A\x00\x00\x00\x0b\x00\x00\x00\x07a\x00p",
	"data after the payload":   "A\x00\x00\x00\x0d\x00\x00\x00\x07a\x00p\x00x",
	"two terminators":          "A\x00\x00\x00\x0d\x00\x00\x00\x07a\x00p\x00\x00",
	"unterminated error":       "E\x00\x00\x00\x09SERRO",
	"error without its fields": "E\x00\x00\x00\x04",
}

func TestMalformedStreamEndsTheConnection(t *testing.T) {
	first := encode(t, notification("a", "1"))
	for name, wire := range malformedStreams {
		t.Run(name, func(t *testing.T) {
			got, _, err := readAll(strings.NewReader(string(first) + wire))
			require.ErrorContains(t, err, "pgxdriver: the server sent a message of kind")
			require.Equal(t, []note{{"a", "1"}}, got)
		})
	}
}

func TestReaderWithoutProgressEndsTheStream(t *testing.T) {
	_, _, err := readAll(pieces{strings.NewReader("A"), 0})
	require.ErrorIs(t, err, io.ErrNoProgress)
	broken := errors.New("broken")
	_, _, err = readAll(iotest.ErrReader(broken))
	require.Equal(t, broken, err)
}

// FuzzStream compares the notifications in arbitrary bytes, however they are split, with those that pgproto3
// finds.
func FuzzStream(f *testing.F) {
	f.Add(encode(f, notification("a", "1"), ready(), notification("a", "2"), fault("FATAL", "57P01")), byte(3))
	for _, wire := range malformedStreams {
		f.Add(append(encode(f, notification("a", "1")), wire...), byte(5))
	}
	f.Fuzz(func(t *testing.T, wire []byte, size byte) {
		got, _, err := readAll(bytes.NewReader(wire))
		again, _, err2 := readAll(pieces{bytes.NewReader(wire), int(size) + 1})
		require.Equal(t, got, again)
		require.Equal(t, err.Error(), err2.Error())

		frontend := pgproto3.NewFrontend(bytes.NewReader(wire), io.Discard)
		for _, n := range got {
			for {
				// It refuses malformed messages of the kinds that the stream skips, and continues.
				m, err := frontend.Receive()
				require.NotErrorIs(t, err, io.ErrUnexpectedEOF, "before %v", n)
				if m, ok := m.(*pgproto3.NotificationResponse); ok {
					require.Equal(t, note{m.Channel, m.Payload}, n)
					break
				}
			}
		}
	})
}

// BenchmarkStream measures reading alone, without a network and a server.
func BenchmarkStream(b *testing.B) {
	wire := bytes.Repeat(encode(b, notification("socket.io#/", strings.Repeat("x", 262))), 100)
	from := bytes.NewReader(nil)
	n := 0
	l := newListener(nil, newStream(from), func(string, []byte) { n++ })
	b.ReportAllocs()
	for b.Loop() {
		from.Reset(wire)
		for from.Len() > 0 {
			if err := l.read(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/msg")
}
