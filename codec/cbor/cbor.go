// Package cbor is a codec for clusters without Node.js. The binary form is CBOR (RFC 8949). The text form is the
// same bytes in base64. It can carry binary data too, and takes a third more bytes.
//
// # Wire
//
// A message is a map with integer keys in ascending order, in CBOR's core deterministic encoding. Zero and empty
// fields are left out:
//
//	1 type · 2 uid · 3 nsp · 4 attachmentId · 5 requesterUid · 6 requestId
//	7 opts {1 rooms, 2 except, 3 volatile, 4 compress, 5 timeout in ms, 6 expectSingleResponse,
//	  7 relayed}
//	8 packet (the event's array, or one answer) · 9 rooms · 10 close
//	11 sockets [{1 id, 2 handshake, 3 rooms, 4 data}] · 12 clientCount · 13 nonce (not read)
//	14 attachmentKey · 15 rest (of an answer, an array) · 20 closeHash · 21 closeKey · 22 process · 23 clock
//
// User data that is JSON stays JSON, in a byte string with tag 262 (embedded JSON). Nearly all user data comes
// from JSON and becomes JSON again at a client, so translating it would cost two conversions and gain nothing.
// A node can also forward a broadcast without touching its data. Only data that holds bytes, which JSON cannot
// represent, is CBOR itself. A time in it has tag 0.
//
// # Files
//
//   - cbor.go: Codec, and the options of the CBOR library
//   - message.go: the layout of a message, and its conversion from and to an Envelope
//   - lenient.go: the parser for messages with unknown or invalid optional fields
//   - data.go: user data in a message, and the heads of CBOR values
//   - encoding.go: the Encoding: CBOR to a tree
//   - check.go: the check of user data that stays encoded
//   - peek.go: SentBy and PeekAnswer
package cbor

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/backplane-go/backplane/codec"
	shape "github.com/backplane-go/backplane/internal/message"
)

// Codec writes and reads both forms. The zero value is ready for use.
type Codec struct{}

var (
	_ codec.Codec  = Codec{}
	_ codec.Peeker = Codec{}
)

// text is the encoding of the text form: base64 without padding, with the alphabet that is safe in URLs.
var text = base64.RawURLEncoding.Strict()

// encMode and decMode hold the options of the CBOR library.
var encMode, decMode = func() (cbor.UserBufferEncMode, cbor.DecMode) {
	enc := cbor.CoreDetEncOptions()
	enc.Time = cbor.TimeRFC3339Nano
	enc.TimeTag = cbor.EncTagRequired
	em, err := enc.UserBufferEncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	dm, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  codec.MaxDepth,
		MaxArrayElements: 1<<31 - 1, // the library allocates only for elements that are present
		MaxMapPairs:      1<<31 - 1,
		IndefLength:      cbor.IndefLengthForbidden,
		BignumTag:        cbor.BignumTagForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return em, dm
}()

// Append implements codec.Codec. It never returns codec.ErrBinary.
func (Codec) Append(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
	if f != codec.Text && f != codec.Binary {
		return dst, fmt.Errorf("codec/cbor: %v", f)
	}
	m, err := newMessage(env)
	if err != nil {
		return dst, err
	}
	if f == codec.Binary {
		buf := bytes.NewBuffer(dst)
		if err := encMode.MarshalToBuffer(m, buf); err != nil {
			return dst, err
		}
		return buf.Bytes(), nil
	}
	var buf bytes.Buffer
	if err := encMode.MarshalToBuffer(m, &buf); err != nil {
		return dst, err
	}
	return text.AppendEncode(dst, buf.Bytes()), nil
}

// Parse implements codec.Codec. The user data in the envelope shares memory with p.
func (Codec) Parse(p []byte, f codec.Format) (*codec.Envelope, error) {
	switch f {
	case codec.Binary:
	case codec.Text:
		raw, err := text.AppendDecode(nil, p)
		if err != nil {
			return nil, malformed("", err)
		}
		p = raw
	default:
		return nil, fmt.Errorf("codec/cbor: %v", f)
	}
	var m message
	if err := strictMode.Unmarshal(p, &m); err != nil || !m.strict() {
		return parseLeniently(p)
	}
	return m.envelope()
}

// malformed is shape.Malformed that also recognizes the depth error of the CBOR library.
func malformed(field string, err error) error {
	var deep *cbor.MaxNestedLevelError
	if errors.As(err, &deep) {
		err = codec.ErrDepth
	}
	return shape.Malformed(field, err)
}
