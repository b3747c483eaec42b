package cbor

import (
	"math"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
)

// maxHeader is the maximum number of bytes of the text form that SentBy and PeekAnswer decode.
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
	_, p, ok := peekType(p)
	sender, _, isText := peekText(p, 2)
	return ok && isText && string(sender) == uid
}

// PeekAnswer implements codec.AnswerPeeker. After the type and the sender come the namespace and the request, unless
// the data of the answer are in an attachment.
func (Codec) PeekAnswer(p []byte, f codec.Format) *codec.Envelope {
	var raw [maxHeader]byte
	switch f {
	case codec.Text:
		n, err := text.Decode(raw[:], p[:min(len(p), maxHeader)]) // whole groups of four characters, or all of it
		if err != nil {
			return nil
		}
		p = raw[:n]
	case codec.Binary:
		p = p[:min(len(p), maxHeader)]
	default:
		return nil
	}
	kind, p, ok := peekType(p)
	if !ok || kind > math.MaxInt8 || !codec.Type(kind).Response() {
		return nil
	}
	env := &codec.Envelope{Type: codec.Type(kind)}
	for key, to := range []*string{2: &env.UID, 3: &env.NSP, 6: &env.RequestID} {
		if to == nil {
			continue
		}
		var value []byte
		if value, p, ok = peekText(p, byte(key)); !ok || !utf8.Valid(value) {
			return nil
		}
		*to = string(value)
	}
	return env
}

// peekType returns the type of a message and what follows.
func peekType(p []byte) (kind uint64, rest []byte, ok bool) {
	major, pairs, size := readHead(p)
	if size == 0 || major != majorMap || pairs < 2 || len(p) == size || p[size] != 1 {
		return 0, nil, false
	}
	p = p[size+1:]
	major, kind, size = readHead(p)
	return kind, p[size:], size > 0 && major == majorUint
}

// peekText returns the text under a key, if that is the next one, and what follows.
func peekText(p []byte, key byte) (value, rest []byte, ok bool) {
	if len(p) == 0 || p[0] != key {
		return nil, nil, false
	}
	p = p[1:]
	major, n, size := readHead(p)
	if size == 0 || major != majorText || n > uint64(len(p)-size) {
		return nil, nil, false
	}
	p = p[size:]
	return p[:n], p[n:], true
}
