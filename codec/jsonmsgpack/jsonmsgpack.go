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
//   - binarywriter.go: writes msgpack
//   - envelopeparser.go: parses the layout of a message, in both forms
//   - optional.go: parses optional fields, and skips invalid ones
//   - reader.go: reader, what the two forms have in common, and the steps of the parser
//   - textreader.go: reads JSON
//   - binaryreader.go: reads msgpack
//   - fastbroadcast.go: the fast parser for the most frequent message
//   - jsontomsgpack.go: translates JSON to msgpack
//   - buffers.go: the JSON form of Node.js Buffers in the data of sockets
//   - peek.go: SentBy
//   - msgpackhead.go: the heads of msgpack values, and skipping values
//   - msgpacktree.go: the Encoding: msgpack to a tree
//   - msgpackwrite.go: appends the heads and numbers of msgpack
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

// Append implements codec.Codec. In the text form, bytes cause codec.ErrBinary in the types that carry event data;
// Node.js sends such messages in the binary form too. In a FetchSocketsResponse, bytes are written as the JSON form
// of a Node.js Buffer, {"type":"Buffer","data":[…]}.
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

// Parse implements codec.Codec. The user data in the envelope shares memory with p.
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
