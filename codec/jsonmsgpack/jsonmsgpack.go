// Package jsonmsgpack is the codec of Node.js's Postgres adapter. The text form is JSON; the binary form is msgpack
// of the same message. @socket.io/postgres-adapter 0.3 to 0.5 can read what it writes, and it reads what they and
// @socket.io/postgres-emitter 0.1 write.
//
// Parse does not decode user data: it keeps the bytes as raw JSON or msgpack. Data that arrived as JSON is written
// to the text form byte for byte. Only the binary form of JSON data requires a translation.
//
// Invalid UTF-8 in strings is written as U+FFFD, as encoding/json does. If a key occurs twice in a map, the last one
// counts, as in JavaScript.
//
// # Files
//
//   - jsonmsgpack.go: Codec
//   - envelopewriter.go: writes the layout of a message, in both forms
//   - textwriter.go: writes JSON
//   - binarywriter.go: writes msgpack, whose values package internal/msgpack knows
//   - envelopeparser.go: parses the layout of a message, in both forms
//   - optional.go: parses optional fields, and skips invalid ones
//   - reader.go: reader, what the two forms have in common, and the steps of the parser
//   - textreader.go: reads JSON
//   - binaryreader.go: reads msgpack
//   - fastbroadcast.go: the fast parser for the most frequent message
//   - buffers.go: the JSON form of Node.js Buffers in the data of sockets
//   - data.go: only the data of a message
//   - peek.go: SentBy and PeekAnswer
package jsonmsgpack

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/message"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// Codec writes and reads both forms. The zero value is ready for use.
type Codec struct {
	// Notepack makes the codec that of @socket.io/redis-adapter's sharded adapter: the binary form is that of
	// notepack.io, in which undefined, times and ArrayBuffers are extensions of type 0, and the text form has no bytes
	// at all, not even in the data of sockets, where an object that looks like the JSON of a Buffer stays an object.
	Notepack bool
}

var (
	_ codec.Codec  = Codec{}
	_ codec.Peeker = Codec{}
)

// form returns how the binary form writes what msgpack has no type for.
func (c Codec) form() msgpack.Form {
	if c.Notepack {
		return msgpack.Notepack
	}
	return msgpack.Standard
}

// Append implements codec.Codec. In the text form, bytes cause codec.ErrBinary in the types that carry event data;
// Node.js sends such messages in the binary form too. In a FetchSocketsResponse, bytes are written as the JSON form
// of a Node.js Buffer, {"type":"Buffer","data":[…]}, unless c.Notepack is set.
func (c Codec) Append(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	var out []byte
	var err error
	switch f {
	case codec.Text:
		w := &textWriter{b: dst, plain: c.Notepack}
		err = writeEnvelope(w, env)
		out = w.b
	case codec.Binary:
		w := msgpack.NewWriter(dst, c.form())
		err = writeEnvelope(binaryWriter{w}, env)
		out = w.Release()
	default:
		err = fmt.Errorf("codec/jsonmsgpack: %v", f)
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

var errNotUTF8 = errors.New("not valid UTF-8")

// Parse implements codec.Codec. The user data in the envelope shares memory with p.
func (c Codec) Parse(p []byte, f codec.Format) (*codec.Envelope, error) {
	switch f {
	case codec.Text:
		if !utf8.Valid(p) {
			return nil, message.Malformed("", errNotUTF8)
		}
		if env := fastBroadcast(p); env != nil {
			return env, nil
		}
		return parse(&textReader{p: p, plain: c.Notepack})
	case codec.Binary:
		return parse(&binaryReader{p: p, form: c.form()})
	}
	return nil, fmt.Errorf("codec/jsonmsgpack: %v", f)
}
