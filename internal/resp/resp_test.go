package resp_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/resp"
)

func read(stream string) (resp.Value, error) {
	return resp.Read(bufio.NewReader(strings.NewReader(stream)))
}

func bulk(s string) resp.Value { return resp.Value{Kind: '$', Bytes: []byte(s)} }

func TestValuesAreRead(t *testing.T) {
	for stream, want := range map[string]resp.Value{
		"+OK\r\n":                         {Kind: '+', Bytes: []byte("OK")},
		":42\r\n":                         {Kind: ':', Bytes: []byte("42")},
		"-ERR no\r\n":                     {Kind: '-', Bytes: []byte("ERR no")},
		"!6\r\nERR no\r\n":                {Kind: '-', Bytes: []byte("ERR no")},
		"$4\r\na\r\nb\r\n":                bulk("a\r\nb"),
		"=7\r\ntxt:abc\r\n":               bulk("abc"),
		"$-1\r\n":                         {Kind: '_'},
		"*-1\r\n":                         {Kind: '_'},
		"_\r\n":                           {Kind: '_', Bytes: []byte{}},
		"#t\r\n":                          {Kind: '#', Bytes: []byte("t")},
		",1.5\r\n":                        {Kind: ',', Bytes: []byte("1.5")},
		"(123\r\n":                        {Kind: '(', Bytes: []byte("123")},
		"*0\r\n":                          {Kind: '*', Items: []resp.Value{}},
		"~1\r\n$1\r\na\r\n":               {Kind: '~', Items: []resp.Value{bulk("a")}},
		"*1\r\n*1\r\n$0\r\n\r\n":          {Kind: '*', Items: []resp.Value{{Kind: '*', Items: []resp.Value{bulk("")}}}},
		"%1\r\n$1\r\na\r\n$1\r\nb\r\n":    {Kind: '%', Items: []resp.Value{bulk("a"), bulk("b")}},
		"|1\r\n+ttl\r\n:1\r\n$1\r\nx\r\n": bulk("x"),
		">2\r\n$4\r\npong\r\n$3\r\n\x00\xff\n\r\n": {
			Kind: '>', Items: []resp.Value{bulk("pong"), bulk("\x00\xff\n")},
		},
	} {
		got, err := read(stream)
		require.NoError(t, err, "%q", stream)
		require.Equal(t, want, got, "%q", stream)

		slow := bufio.NewReader(iotest.OneByteReader(strings.NewReader(stream)))
		got, err = resp.Read(slow)
		require.NoError(t, err, "%q, byte by byte", stream)
		require.Equal(t, want, got)
		_, err = resp.Read(slow)
		require.ErrorIs(t, err, io.EOF)

		for n := 1; n < len(stream); n++ {
			_, err := read(stream[:n])
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%q cut after %d bytes", stream, n)
		}
	}
}

func TestOtherBytesAreErrors(t *testing.T) {
	for _, stream := range []string{
		"HTTP/1.1 400 Bad Request\r\n", "\r\n", "+OK\n", "$x\r\n", "$-2\r\n", "$1\r\nabc\r\n", "$4294967297\r\na\r\n",
		"$999999999\r\n", "*1048577\r\n", "*+1\r\n:1\r\n", strings.Repeat("*1\r\n", 100) + ":1\r\n",
		strings.Repeat("|0\r\n", 100) + ":1\r\n", "+" + strings.Repeat("x", 10_000) + "\r\n",
	} {
		_, err := read(stream)
		require.ErrorIs(t, err, resp.ErrProtocol, "%.40q", stream)
	}
}

// A length is not believed before the bytes are there.
func TestLengthsDoNotAllocate(t *testing.T) {
	stream := "$536870912\r\n" + strings.Repeat("x", 1<<20)
	allocated := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			_, err := read(stream)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	require.Less(t, allocated, int64(16<<20))
}

func TestErrorsHaveACode(t *testing.T) {
	v, err := read("-MOVED 866 127.0.0.1:7001\r\n")
	require.NoError(t, err)
	var failed *resp.Error
	require.ErrorAs(t, v.Err(), &failed)
	require.Equal(t, "MOVED", failed.Code())
	require.EqualError(t, failed, "MOVED 866 127.0.0.1:7001")
	require.NoError(t, bulk("x").Err())
}

func TestItemsAndKeys(t *testing.T) {
	v, err := read("%2\r\n$4\r\nrole\r\n$6\r\nmaster\r\n+proto\r\n:3\r\n")
	require.NoError(t, err)
	require.Equal(t, "master", v.Lookup("role").Text())
	require.Equal(t, "3", v.Lookup("proto").Text())
	require.Zero(t, v.Lookup("mode"))
	require.Equal(t, "role", v.Item(0).Text())
	require.Zero(t, v.Item(4))
	require.Zero(t, v.Item(-1))
}

// What is written as a command is read as an array of its arguments.
func TestCommandsAreArrays(t *testing.T) {
	args := []string{"PUBLISH", "", "a\r\nb", "\x00\xff", strings.Repeat("x", 3<<20)}
	b := resp.AppendCommand(nil, args...)
	head := resp.AppendHeader(nil, len(args))
	for _, arg := range args[:4] {
		head = resp.AppendArg(head, arg)
	}
	require.Equal(t, b, resp.AppendArg(head, []byte(args[4])))
	v, err := resp.Read(bufio.NewReader(bytes.NewReader(b)))
	require.NoError(t, err)
	require.Len(t, v.Items, len(args))
	for i, arg := range args {
		require.True(t, arg == v.Item(i).Text(), "argument %d", i)
	}
}

func FuzzRead(f *testing.F) {
	for _, stream := range []string{
		"+OK\r\n", "$-1\r\n", "$3\r\nabc\r\n", "*2\r\n:1\r\n_\r\n", "%1\r\n+a\r\n#t\r\n", "|1\r\n+a\r\n:1\r\n:2\r\n",
		">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "!3\r\nERR\r\n", "=5\r\ntxt:a\r\n",
	} {
		f.Add([]byte(stream))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := bufio.NewReader(bytes.NewReader(stream))
		for {
			v, err := resp.Read(in)
			if err != nil {
				ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
				known := ended || errors.Is(err, resp.ErrProtocol)
				require.True(t, known, "%v", err)
				return
			}
			require.NotZero(t, v.Kind)
		}
	})
}
