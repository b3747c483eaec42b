package cbor

import (
	"github.com/backplane-go/backplane/codec"
	shape "github.com/backplane-go/backplane/codec/internal/message"
)

// maxHeader is how much of the text form Peek decodes.
const maxHeader = 256

// Peek implements codec.Peeker: the header's keys are the lowest, so they come first.
func (Codec) Peek(p []byte, f codec.Format) (codec.Header, bool) {
	switch f {
	case codec.Binary:
		return peek(p)
	case codec.Text:
		if len(p) > maxHeader {
			p = p[:maxHeader] // base64 is read in groups of four
		}
		var raw [maxHeader]byte
		n, err := text.Decode(raw[:], p)
		if err != nil {
			return codec.Header{}, false
		}
		return peek(raw[:n])
	}
	return codec.Header{}, false
}

func peek(p []byte) (h codec.Header, ok bool) {
	major, pairs, size := readHead(p)
	if major != majorMap || size == 0 {
		return h, false
	}
	p = p[size:]
	for last := uint64(0); pairs > 0; pairs-- {
		major, key, size := readHead(p)
		if major != majorUint || size == 0 || key <= last {
			return codec.Header{}, false
		}
		if key > 3 {
			break
		}
		last = key
		p = p[size:]
		major, n, size := readHead(p)
		switch {
		case size == 0:
			return codec.Header{}, false
		case key == 1 && major == majorUint && n <= shape.MaxType:
			h.Type = codec.Type(n)
			ok = true
			p = p[size:]
		case key != 1 && major == majorText && n <= uint64(len(p)-size):
			s := string(p[size : size+int(n)])
			p = p[size+int(n):]
			if key == 2 {
				h.UID = s
			} else {
				h.NSP = s
			}
		default:
			return codec.Header{}, false
		}
	}
	return h, ok
}
