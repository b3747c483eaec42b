// Package cbor is a codec for clusters without Node.js: the binary form is CBOR (RFC 8949), the text form is the same
// bytes in base64, so that it carries binary data too, at a third more bytes.
//
// # Wire
//
// A message is a map with integer keys, in ascending order and in CBOR's core deterministic encoding; what is zero or
// empty is left out:
//
//	1 type · 2 uid · 3 nsp · 4 attachmentId · 5 requesterUid · 6 requestId
//	7 opts {1 rooms, 2 except, 3 volatile, 4 compress, 5 timeout in ms, 6 expectSingleResponse}
//	8 packet (the event's array, or one answer) · 9 rooms · 10 close
//	11 sockets [{1 id, 2 handshake, 3 rooms, 4 data}] · 12 clientCount · 13 nonce (not read)
//	14 attachmentKey · 15 rest (of an answer, an array) · 20 closeHash · 21 closeKey · 22 process · 23 clock
//
// User data that is JSON travels as JSON, in a byte string with tag 262 (embedded JSON): nearly all of it comes from
// JSON and ends as JSON at a client, so that translating it would be work done twice for nothing, and this way a
// broadcast passes through a node untouched. Only data that holds bytes, which JSON cannot, is CBOR itself; a time in
// it has tag 0.
package cbor

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/backplane-go/backplane/codec"
	shape "github.com/backplane-go/backplane/codec/internal/message"
)

// Codec writes and reads both forms. The zero value is ready for use.
type Codec struct{}

var (
	_ codec.Codec  = Codec{}
	_ codec.Peeker = Codec{}
)

// text is how the text form is written: base64 without padding, safe in a URL.
var text = base64.RawURLEncoding.Strict()

// modes are how this package uses the CBOR library.
var encMode, decMode = func() (cbor.UserBufferEncMode, cbor.DecMode) {
	enc := cbor.CoreDetEncOptions()
	enc.Time = cbor.TimeRFC3339Nano
	enc.TimeTag = cbor.EncTagRequired
	em, err := enc.UserBufferEncMode()
	if err != nil {
		panic(err) // the options are constant
	}
	dm, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  codec.MaxDepth,
		MaxArrayElements: 1<<31 - 1, // the library does not allocate for elements that are not there
		MaxMapPairs:      1<<31 - 1,
		IndefLength:      cbor.IndefLengthForbidden,
		BignumTag:        cbor.BignumTagForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constant
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

// Parse implements codec.Codec. The envelope keeps parts of p as its user data.
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
	if err := strictMode.Unmarshal(p, &m); err != nil || !m.plain() {
		return parseLoosely(p)
	}
	return m.envelope()
}

// malformed is shape.Malformed for an error of the library too.
func malformed(field string, err error) error {
	var deep *cbor.MaxNestedLevelError
	if errors.As(err, &deep) {
		err = codec.ErrDepth
	}
	return shape.Malformed(field, err)
}
