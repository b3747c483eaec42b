// Package streamentry is the form in which a message that becomes an entry of a Redis stream crosses a bus: the names
// and values of its fields, as an array of strings in RESP. So the driver passes them on without another encoding.
// Package dialect/redisstreams writes and reads it, and so does the driver redis/streamsdriver.
package streamentry

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/internal/resp"
)

// prefix begins the names of channels whose messages are entries of a stream. The name of the stream, "#" and a
// namespace follow.
const prefix = "stream:"

// Channel returns the name of the channel with the entries of a namespace, which has no "#" in its name.
func Channel(stream, nsp string) string { return prefix + stream + "#" + nsp }

// Parse returns the stream and the namespace of a channel. ok is false if its messages are no entries.
func Parse(channel string) (stream, nsp string, ok bool) {
	rest, ok := strings.CutPrefix(channel, prefix)
	at := strings.LastIndexByte(rest, '#')
	if !ok || at < 0 {
		return "", "", false
	}
	return rest[:at], rest[at+1:], true
}

// IsReserved reports whether a name may begin that of a channel with entries.
func IsReserved(name string) bool { return strings.HasPrefix(name, prefix) }

// Append appends an entry. fields are names and values in turn.
func Append[T string | []byte](dst []byte, fields ...T) []byte {
	dst = resp.AppendHeader(dst, len(fields))
	for _, f := range fields {
		dst = resp.AppendArg(dst, f)
	}
	return dst
}

// ErrMalformed means that bytes are no entry.
var ErrMalformed = errors.New("streamentry: not the fields of an entry")

// Split returns the number of names and values of an entry, and the bytes that have them, as a command has its
// arguments.
func Split(p []byte) (n int, args []byte, err error) {
	n, args, ok := length(p, '*')
	if !ok || n == 0 || n%2 != 0 {
		return 0, nil, ErrMalformed
	}
	rest := args
	for range n {
		if _, rest, ok = next(rest); !ok {
			return 0, nil, ErrMalformed
		}
	}
	if len(rest) > 0 {
		return 0, nil, ErrMalformed
	}
	return n, args, nil
}

// Each calls f for each field, in order. The bytes are those of p.
func Each(p []byte, f func(name, value []byte)) error {
	n, rest, err := Split(p)
	for i := 0; err == nil && i < n; i += 2 {
		var name, value []byte
		name, rest, _ = next(rest)
		value, rest, _ = next(rest)
		f(name, value)
	}
	return err
}

// First returns the name and the value of the first field. It does not look at the others.
func First(p []byte) (name, value []byte, ok bool) {
	n, rest, ok := length(p, '*')
	if !ok || n < 2 {
		return nil, nil, false
	}
	if name, rest, ok = next(rest); ok {
		value, _, ok = next(rest)
	}
	return name, value, ok
}

// next reads a string.
func next(p []byte) (s, rest []byte, ok bool) {
	n, rest, ok := length(p, '$')
	if !ok || len(rest)-2 < n || rest[n] != '\r' || rest[n+1] != '\n' {
		return nil, nil, false
	}
	return rest[:n:n], rest[n+2:], true
}

// length reads a line with a length. No length has more digits than it needs.
func length(p []byte, kind byte) (n int, rest []byte, ok bool) {
	end := bytes.IndexByte(p[:min(len(p), 16)], '\n')
	if end < 3 || p[0] != kind || p[end-1] != '\r' {
		return 0, nil, false
	}
	digits := string(p[1 : end-1])
	u, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || u > math.MaxInt32 || strconv.FormatUint(u, 10) != digits {
		return 0, nil, false
	}
	return int(u), p[end+1:], true
}
