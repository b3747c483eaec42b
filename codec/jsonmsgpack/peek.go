package jsonmsgpack

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/internal/message"
)

// Peek implements codec.Peeker. It reads as far as the first key that is not of the header; messages of ours begin with
// the header, those of Node.js's adapters end with it, but for their references.
func (Codec) Peek(p []byte, f codec.Format) (codec.Header, bool) {
	switch f {
	case codec.Text:
		return peek(&textReader{p: p})
	case codec.Binary:
		return peek(&binaryReader{p: p})
	}
	return codec.Header{}, false
}

func peek(r reader) (h codec.Header, ok bool) {
	p := parser{r: r}
	var uid, typ, nsp bool
	p.openMap("")
	for p.key() {
		switch string(p.k) {
		case "type":
			h.Type = codec.Type(p.integer("type", message.MinType, message.MaxType))
			typ = true
		case "uid":
			h.UID = p.str("uid")
			uid = true
		case "nsp":
			h.NSP = p.str("nsp")
			nsp = true
		case "data":
			return codec.Header{}, false
		default:
			p.skip()
		}
		if uid && typ && nsp && p.err == nil {
			return h, true
		}
	}
	// The message has ended: it names no namespace.
	if p.err != nil || !uid || !typ {
		return codec.Header{}, false
	}
	return h, true
}
