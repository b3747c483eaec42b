package wsframe

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// The bits of a header's first two bytes, and the length values that say that the actual length follows (RFC
// 6455, 5.2).
const (
	final      = 0x80
	compressed = 0x40 // RSV1: the message is compressed (RFC 7692, 6)
	masked     = 0x80
	twoBytes   = 126
	eightBytes = 127
)

// appendHeader appends the header of a server's message of n bytes in one frame. flags is 0 or compressed.
func appendHeader(out []byte, op ws.OpCode, flags byte, n int) []byte {
	out = append(out, final|flags|byte(op))
	switch headerSize(n) {
	case 2:
		return append(out, byte(n))
	case 4:
		return binary.BigEndian.AppendUint16(append(out, twoBytes), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(out, eightBytes), uint64(n))
}

// headerSize returns the size of the header that appendHeader writes.
func headerSize(n int) int {
	switch {
	case n < twoBytes:
		return 2
	case n < 1<<16:
		return 4
	}
	return 10
}

// parseHeader parses the header at the start of p, as ws.ReadHeader does, but without allocations. size is the
// header's size, 0 if p ends before the header does.
func parseHeader(p []byte) (h ws.Header, size int, err error) {
	if len(p) < 2 {
		return h, 0, nil
	}
	h.Fin, h.Rsv, h.OpCode, h.Masked = p[0]&final != 0, p[0]&0x70>>4, ws.OpCode(p[0]&0x0f), p[1]&masked != 0
	h.Length = int64(p[1] &^ masked)
	size = 2
	switch h.Length {
	case twoBytes:
		size += 2
	case eightBytes:
		size += 8
	}
	mask := size
	if h.Masked {
		size += len(h.Mask)
	}
	if len(p) < size {
		return h, 0, nil
	}
	switch h.Length {
	case twoBytes:
		h.Length = int64(binary.BigEndian.Uint16(p[2:]))
	case eightBytes:
		n := binary.BigEndian.Uint64(p[2:])
		if n>>63 != 0 {
			return h, 0, ws.ErrHeaderLengthMSB
		}
		h.Length = int64(n)
	}
	if h.Masked {
		copy(h.Mask[:], p[mask:])
	}
	return h, size, nil
}

// ValidCloseCode reports whether an endpoint may send a code in a close frame. Valid are the codes of RFC 6455,
// 7.4, codes that have been registered since, and codes for libraries and applications.
func ValidCloseCode(code ws.StatusCode) bool {
	switch code {
	case 1004, 1005, 1006: // they have no meaning yet, or are never sent
		return false
	}
	return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
}
