package jsonmsgpack

import (
	"bytes"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// The bytes that Append writes around the sender, which comes first. References from Node.js's adapters begin the
// same way. Their other messages end with the sender, so only Parse can find it.
const (
	textBeforeUID   = `{"uid":"`
	textAfterUID    = `","type":`
	binaryBeforeUID = "\xa3uid" // follows the head of the map
	binaryAfterUID  = "\xa4type"
)

// SentBy implements codec.Peeker.
func (Codec) SentBy(p []byte, f codec.Format, uid string) bool {
	switch f {
	case codec.Text:
		p, ok := cut(p, textBeforeUID)
		// A sender with escapes is left to Parse, and so is a uid that contains a quote or a backslash.
		return ok && len(p) > len(uid) && string(p[:len(uid)]) == uid && starts(p[len(uid):], textAfterUID) &&
			bytes.IndexByte(p[:len(uid)], '\\') < 0 && bytes.IndexByte(p[:len(uid)], '"') < 0
	case codec.Binary:
		if len(p) == 0 || p[0] < msgpack.CodeFixMap || p[0] >= msgpack.CodeFixArray {
			return false
		}
		p, ok := cut(p[1:], binaryBeforeUID)
		if !ok {
			return false
		}
		h, err := msgpack.ReadHead(p, 0)
		return err == nil && h.Kind == msgpack.KindStr && string(p[h.At:h.At+h.N]) == uid &&
			starts(p[h.At+h.N:], binaryAfterUID)
	}
	return false
}

// The bytes that Append writes around the other fields of an answer in text form.
const (
	textAfterType = `,"nsp":"`
	textAfterNSP  = `","source":"` + source + `","data":{"requestId":"`
)

// PeekAnswer implements codec.AnswerPeeker. It knows the text form that Append writes. Answers with bytes, which have
// the binary form, are rare.
func (Codec) PeekAnswer(p []byte, f codec.Format) *codec.Envelope {
	if f != codec.Text {
		return nil
	}
	p, ok := cut(p[:min(len(p), maxPeeked)], textBeforeUID)
	uid, p := plain(p)
	p, isNext := cut(p, textAfterUID)
	kind, digits := 0, 0
	for digits < len(p) && digits < 3 && p[digits] >= '0' && p[digits] <= '9' {
		kind = kind*10 + int(p[digits]-'0')
		digits++
	}
	if !ok || !isNext || !codec.Type(kind).Response() {
		return nil
	}
	p, ok = cut(p[digits:], textAfterType)
	nsp, p := plain(p)
	p, isNext = cut(p, textAfterNSP)
	id, p := plain(p)
	if !ok || !isNext || !starts(p, `"`) {
		return nil
	}
	return &codec.Envelope{Type: codec.Type(kind), UID: string(uid), NSP: string(nsp), RequestID: string(id)}
}

// maxPeeked is how many bytes PeekAnswer reads at most.
const maxPeeked = 4096

// plain returns the bytes of a string before its closing quote, and the rest from there. The rest is empty if the
// string is not literal: only a Parse can tell then.
func plain(p []byte) (text, rest []byte) {
	end := jsontext.Plain(p, 0)
	if end == len(p) || p[end] != '"' || !utf8.Valid(p[:end]) {
		return nil, nil
	}
	return p[:end], p[end:]
}

// starts reports whether p starts with s.
func starts(p []byte, s string) bool { return len(p) >= len(s) && string(p[:len(s)]) == s }

// cut returns p without the prefix s. ok is false if p does not start with s.
func cut(p []byte, s string) ([]byte, bool) {
	if !starts(p, s) {
		return p, false
	}
	return p[len(s):], true
}
