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

// readAll lets a listener read until its stream ends, and returns what it delivered and why it ended.
func readAll(from io.Reader) ([]note, *listener, error) {
	var got []note
	l := newListener(nil, newStream(from), func(channel string, payload []byte) {
		got = append(got, note{channel, string(payload)})
	})
	for {
		if err := l.read(); err != nil {
			return got, l, err
		}
	}
}

// pieces reads with at most size bytes at a time.
type pieces struct {
	from io.Reader
	size int
}

func (p pieces) Read(b []byte) (int, error) { return p.from.Read(b[:min(p.size, len(b))]) }

func TestStreamCutAnywhere(t *testing.T) {
	want := []note{{"a", "1"}, {"b", ""}, {"", "no name"}, {"a", strings.Repeat("ü", 3999)}, {"a", "last"}}
	wire := encode(t,
		notification("a", "1"), notification("b", ""), &pgproto3.NoticeResponse{Severity: "NOTICE", Message: "hello"},
		notification("", "no name"), &pgproto3.ParameterStatus{Name: "TimeZone", Value: "UTC"}, done(), ready(),
		notification("a", want[3].payload), fault("ERROR", "42501"), &pgproto3.EmptyQueryResponse{}, notification("a", "last"),
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
	require.Equal(t, want, got, "what comes with an error is not lost")
}

func TestStreamFillsManyBuffers(t *testing.T) {
	var want []note
	var wire []byte
	for i := range 2000 {
		n := note{fmt.Sprint("channel ", i%1500), strings.Repeat("x", i*7%8000)} // more channels than names are kept
		want = append(want, n)
		wire = append(wire, encode(t, notification(n.channel, n.payload))...)
	}
	got, l, err := readAll(bytes.NewReader(wire))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, want, got)
	require.Len(t, l.stream.buf, streamSize)
	require.LessOrEqual(t, len(l.channels.all), maxNames)
}

func TestStreamIsLargeOnlyForALargeMessage(t *testing.T) {
	large := encode(t, &pgproto3.NoticeResponse{Severity: "NOTICE", Message: strings.Repeat("x", 300_000)})
	var sizes []int
	from := io.MultiReader(bytes.NewReader(encode(t, notification("a", "1"))), bytes.NewReader(large), bytes.NewReader(encode(t, notification("a", "2"))))
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

func TestPayloadsAndNamesAreNotOfTheBuffer(t *testing.T) {
	s := newStream(bytes.NewReader(encode(t, notification("a", "one"), notification("a", "two"), notification("b", ""))))
	var names []string
	var payloads [][]byte
	l := newListener(nil, s, func(channel string, payload []byte) {
		names, payloads = append(names, channel), append(payloads, payload)
	})
	require.NoError(t, l.read())
	clear(s.buf)
	require.Equal(t, []string{"a", "a", "b"}, names)
	require.Equal(t, [][]byte{[]byte("one"), []byte("two"), {}}, payloads)
	require.Less(t, cap(payloads[0]), 64, "a message that is kept keeps nothing else")
	_ = append(payloads[0], "more"...)
	require.Equal(t, "two", string(payloads[1]))
}

// malformedStreams are none that a server sends.
var malformedStreams = map[string]string{
	"length of nothing":        "A\x00\x00\x00\x00",
	"length below its own":     "Z\x00\x00\x00\x03",
	"length of a megabyte":     "N\x00\x10\x00\x00",
	"negative length":          "A\xff\xff\xff\xff",
	"unknown kind":             "x\x00\x00\x00\x04",
	"copying":                  "G\x00\x00\x00\x07\x00\x00\x00",
	"authentication":           "R\x00\x00\x00\x08\x00\x00\x00\x00",
	"plain text":               "HTTP/1.1 400 Bad Request\r\n\r\n",
	"no process":               "A\x00\x00\x00\x07\x00\x00\x00",
	"no channel":               "A\x00\x00\x00\x08\x00\x00\x00\x07",
	"channel without an end":   "A\x00\x00\x00\x09\x00\x00\x00\x07a",
	"no payload":               "A\x00\x00\x00\x0a\x00\x00\x00\x07a\x00",
	"payload without an end":   "A\x00\x00\x00\x0b\x00\x00\x00\x07a\x00p",
	"more than a payload":      "A\x00\x00\x00\x0d\x00\x00\x00\x07a\x00p\x00x",
	"more than an end":         "A\x00\x00\x00\x0d\x00\x00\x00\x07a\x00p\x00\x00",
	"error without an end":     "E\x00\x00\x00\x09SERRO",
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

func TestStreamThatYieldsNothingEnds(t *testing.T) {
	_, _, err := readAll(pieces{strings.NewReader("A"), 0})
	require.ErrorIs(t, err, io.ErrNoProgress)
	broken := errors.New("broken")
	_, _, err = readAll(iotest.ErrReader(broken))
	require.Equal(t, broken, err)
}

// FuzzStream compares with pgproto3 what is delivered of any bytes, however they are split.
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
				m, err := frontend.Receive() // refuses malformed messages of the kinds that are skipped here, and goes on
				require.NotErrorIs(t, err, io.ErrUnexpectedEOF, "before %v", n)
				if m, ok := m.(*pgproto3.NotificationResponse); ok {
					require.Equal(t, note{m.Channel, m.Payload}, n)
					break
				}
			}
		}
	})
}

// BenchmarkStream measures reading alone: without a network and a server.
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
