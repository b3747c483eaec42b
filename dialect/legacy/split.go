package legacy

import (
	"fmt"
	"math/rand/v2"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/jsontext"
)

const (
	// piecePrefix starts the header of a piece: _chunk_, the id of the message, "_", the index of the piece, "_", and
	// how many there are. No other payload starts with it.
	piecePrefix = "_chunk_"
	// pieceHeader is the length of a header, in characters. It is padded with spaces.
	pieceHeader = 50
	// maxDigits is the longest number in a header: two of them fit behind an id of 24 characters.
	maxDigits = 8
	// minPiece is the smallest room for the text of a piece, in bytes: that of the longest escape.
	minPiece = 6
)

// Split implements dialect.Splitter. The pieces are as large as limit allows, whatever characters they hold, and
// never begin or end within a character.
func (w *wire) Split(dst []byte, env *codec.Envelope, limit int) ([]byte, []int, error) {
	if env.NSP == "" {
		return dst, nil, unsupported(env.Type, "the messages of a process have one piece")
	}
	d := drafts.Get().(*draft)
	defer d.release()
	if err := w.write(d, env); err != nil {
		return dst, nil, err
	}
	if out := d.appendPair(dst); limit <= 0 || len(out)-len(dst) <= limit {
		return out, []int{len(out)}, nil
	}
	room := limit - len(d.channel) - len(`[,""]`) - pieceHeader
	if room < minPiece {
		return dst, nil, &fault.TooLargeError{Message: env.Type.String(), Size: len(d.payload), Limit: limit}
	}
	cuts := d.cuts(room)
	id := w.pieceID(env.UID)
	ends := make([]int, 0, len(cuts))
	start := 0
	for i, cut := range cuts {
		header := fmt.Sprintf("%s%s_%d_%d", piecePrefix, id, i, len(cuts))
		dst = append(append(dst, '['), d.channel...)
		dst = fmt.Appendf(append(dst, `,"`...), "%-*s", pieceHeader, header)
		if d.plain {
			dst = append(append(dst, d.payload[start:cut]...), '"')
		} else {
			quote := len(dst)
			dst = jsontext.AppendString(dst, string(d.payload[start:cut]))
			dst = append(dst[:quote], dst[quote+1:]...) // the text goes on behind the header
		}
		dst = append(dst, ']')
		ends = append(ends, len(dst))
		start = cut
	}
	return dst, ends, nil
}

// cuts returns where the pieces of the payload end, if each has room for so many bytes of JSON.
func (d *draft) cuts(room int) []int {
	var cuts []int
	if d.plain {
		for end := room; end < len(d.payload); end += room {
			cuts = append(cuts, end)
		}
		return append(cuts, len(d.payload))
	}
	left := room
	for i := 0; i < len(d.payload); {
		_, n := utf8.DecodeRune(d.payload[i:])
		size := quotedSize(d.payload[i], n)
		if size > left {
			cuts = append(cuts, i)
			left = room
		}
		left -= size
		i += n
	}
	return append(cuts, len(d.payload))
}

// quotedSize returns how many bytes jsontext.AppendString writes for a character of n bytes whose first is c.
func quotedSize(c byte, n int) int {
	switch {
	case c == '"' || c == '\\' || c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t':
		return len(`\n`)
	case c < ' ':
		return len(`\u0000`)
	case c >= utf8.RuneSelf && n == 1: // not UTF-8: becomes U+FFFD
		return utf8.RuneLen(utf8.RuneError)
	}
	return n
}

// pieceID returns the id of a message in pieces: 24 hexadecimal digits. It starts with the uid if that is one of a
// node, so that SentBy can tell the sender.
func (w *wire) pieceID(uid string) string {
	if !isNodeUID(uid) {
		uid = fmt.Sprintf("%016x", rand.Uint64())
	}
	return fmt.Sprintf("%s%08x", uid, uint32(w.sets.Add(1)))
}

// isNodeUID reports whether uid has 16 hexadecimal digits, as those of this library's nodes have.
func isNodeUID(uid string) bool {
	if len(uid) != 16 {
		return false
	}
	for i := range len(uid) {
		if c := uid[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
