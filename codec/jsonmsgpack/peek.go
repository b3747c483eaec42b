package jsonmsgpack

import (
	"bytes"

	"github.com/backplane-go/backplane/codec"
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
		if len(p) == 0 || p[0] < codeFixMap || p[0] >= codeFixArray {
			return false
		}
		p, ok := cut(p[1:], binaryBeforeUID)
		if !ok {
			return false
		}
		h, err := readHead(p, 0)
		return err == nil && h.kind == headStr && string(p[h.at:h.at+h.n]) == uid &&
			starts(p[h.at+h.n:], binaryAfterUID)
	}
	return false
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
