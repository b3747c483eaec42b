package cbor

import (
	"github.com/backplane-go/backplane/codec"
)

// maxHeader is the maximum number of bytes of the text form that SentBy decodes.
const maxHeader = 256

// SentBy implements codec.Peeker. The sender is the second key, after the type.
func (Codec) SentBy(p []byte, f codec.Format, uid string) bool {
	switch f {
	case codec.Binary:
		return sentBy(p, uid)
	case codec.Text:
		// The sender ends within 24 bytes plus its own length. Base64 is decoded in groups of four characters.
		p = p[:min(len(p), maxHeader, (len(uid)+24)/3*4+4)]
		var raw [maxHeader]byte
		n, err := text.Decode(raw[:], p)
		return err == nil && sentBy(raw[:n], uid)
	}
	return false
}

// sentBy knows only the layout that Append writes: a map whose first key is the type and whose second key is the
// sender. Parse refuses duplicate keys, so no other sender can follow.
func sentBy(p []byte, uid string) bool {
	major, pairs, size := readHead(p)
	if size == 0 || major != majorMap || pairs < 2 {
		return false
	}
	p = p[size:]
	if len(p) == 0 || p[0] != 1 {
		return false
	}
	if major, _, size = readHead(p[1:]); size == 0 || major != majorUint {
		return false
	}
	p = p[1+size:]
	if len(p) == 0 || p[0] != 2 {
		return false
	}
	major, n, size := readHead(p[1:])
	if size == 0 || major != majorText {
		return false
	}
	p = p[1+size:]
	return n == uint64(len(uid)) && n <= uint64(len(p)) && string(p[:n]) == uid
}
