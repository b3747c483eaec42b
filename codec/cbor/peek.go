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

// peek reads the keys from 1 to 3. A message that lacks one of them could still have it further on, in the bytes of an
// encoder that does not sort, so it must then be at its end.
func peek(p []byte) (codec.Header, bool) {
	var h codec.Header
	major, pairs, size := readHead(p)
	if major != majorMap || size == 0 {
		return h, false
	}
	p = p[size:]
	var seen [4]bool
	for ; pairs > 0 && !(seen[1] && seen[2] && seen[3]); pairs-- {
		major, key, size := readHead(p)
		if major != majorUint || size == 0 || key < 1 || key > 3 || seen[key] {
			return codec.Header{}, false
		}
		p = p[size:]
		seen[key] = true
		major, n, size := readHead(p)
		switch {
		case size == 0:
			return codec.Header{}, false
		case key == 1 && major == majorUint && n <= shape.MaxType:
			h.Type = codec.Type(n)
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
	if !seen[1] {
		return codec.Header{}, false
	}
	return h, true
}
