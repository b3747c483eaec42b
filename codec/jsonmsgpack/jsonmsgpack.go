// Package jsonmsgpack is the codec of Node.js's Postgres adapter: the text form is JSON, the binary form is msgpack of
// the same message. It writes what @socket.io/postgres-adapter 0.3 to 0.5 read, and reads what they and
// @socket.io/postgres-emitter 0.1 write.
//
// User data is not decoded on the way: Parse slices it out of the message as raw JSON or msgpack, and what came as JSON
// goes out in the text form byte for byte. Only the binary form of JSON data is a translation.
//
// Strings that are not valid UTF-8 are written with U+FFFD in place of the bad bytes, as encoding/json does. Where a
// key comes twice in a map, the last one counts, as in JavaScript.
package jsonmsgpack

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/internal/message"
)

// Codec writes and reads both forms. The zero value is ready for use.
type Codec struct{}

var (
	_ codec.Codec  = Codec{}
	_ codec.Peeker = Codec{}
)

// Append implements codec.Codec. In the text form bytes are codec.ErrBinary in the types that carry event data, where
// Node.js looks for a binary message too; in a FetchSocketsResponse they are written as Node.js writes a Buffer in
// JSON, {"type":"Buffer","data":[…]}.
func (Codec) Append(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	var out []byte
	var err error
	switch f {
	case codec.Text:
		w := &textWriter{b: dst}
		err = writeEnvelope(w, env)
		out = w.b
	case codec.Binary:
		w := newBinaryWriter(dst)
		err = writeEnvelope(w, env)
		out = w.release()
	default:
		err = fmt.Errorf("codec/jsonmsgpack: %v", f)
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Parse implements codec.Codec. The envelope keeps parts of p as its user data.
func (Codec) Parse(p []byte, f codec.Format) (*codec.Envelope, error) {
	switch f {
	case codec.Text:
		if !utf8.Valid(p) {
			return nil, message.Malformed("", errors.New("not valid UTF-8"))
		}
		if env := fastBroadcast(p); env != nil {
			return env, nil
		}
		return parse(&textReader{p: p})
	case codec.Binary:
		return parse(&binaryReader{p: p})
	}
	return nil, fmt.Errorf("codec/jsonmsgpack: %v", f)
}
