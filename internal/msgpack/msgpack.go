// Package msgpack writes and reads msgpack values as the libraries of Node.js's adapters do. Package
// codec/jsonmsgpack and dialect/legacy use it.
//
// # Files
//
//   - msgpack.go: Form, the two ways to write what msgpack has no type for
//   - head.go: the heads of values, and skipping values
//   - tree.go: values to trees
//   - number.go: numbers
//   - append.go: appends the heads and numbers
//   - writer.go: Writer, which writes values
//   - json.go: translates JSON
package msgpack

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/message"
)

// Form says how a library of Node.js writes what msgpack has no type for. It is the codec.Encoding of its values.
type Form int

const (
	// Standard is the form of @msgpack/msgpack: undefined is nil, and times are the extension -1. The key __proto__ is
	// refused.
	Standard Form = 1
	// Notepack is the form of notepack.io: undefined, times and ArrayBuffers are extensions of type 0. Other extensions
	// are read as an array of their type and their bytes, except for the times of Standard. A key __proto__ is read but
	// not written.
	Notepack Form = 2
)

var _ codec.Encoding = Form(0)

// Name implements codec.Encoding.
func (f Form) Name() string {
	if f == Notepack {
		return "notepack"
	}
	return "msgpack"
}

// Tree implements codec.Encoding.
func (f Form) Tree(p []byte) (any, error) {
	end, err := f.Skip(p, 0, codec.MaxDepth)
	if err == nil && end < len(p) {
		err = errTrailing
	}
	if err != nil {
		return nil, message.Malformed(f.Name(), err)
	}
	t, _ := f.tree(p, 0)
	return t, nil
}

// Types of extensions.
const (
	extTime     = 0xff // -1, the standard timestamp
	extNotepack = 0
)

// extension is what an extension means.
type extension int

const (
	extUnknown   extension = 0
	extTimestamp extension = 1
	extUndefined extension = 2
	extDate      extension = 3
	extBytes     extension = 4
)

// extension returns what the extension with the head h means.
func (f Form) extension(p []byte, h Head) extension {
	switch t := p[h.At-1]; {
	case t == extTime && (h.N == 4 || h.N == 8 || h.N == 12):
		return extTimestamp
	case f != Notepack || t != extNotepack:
	case h.Kind == KindExt:
		return extBytes
	case h.N == 1:
		return extUndefined
	case h.N == 8:
		return extDate
	}
	return extUnknown
}

// checkExtension returns an error for an extension that cannot be read. depth is how many levels may be opened.
func (f Form) checkExtension(p []byte, h Head, depth int) error {
	switch {
	case f.extension(p, h) != extUnknown:
		return nil
	case f != Notepack:
		return errExt
	case depth <= 0: // it becomes an array
		return codec.ErrDepth
	}
	return nil
}

// extensionTree decodes the extension with the head h.
func (f Form) extensionTree(p []byte, h Head) any {
	rest := p[h.At : h.At+h.N : h.At+h.N]
	switch f.extension(p, h) {
	case extTimestamp:
		return timestamp(rest)
	case extUndefined:
		return nil
	case extDate:
		return time.UnixMilli(int64(binary.BigEndian.Uint64(rest))).UTC()
	case extBytes:
		return rest
	}
	return []any{int64(int8(p[h.At-1])), rest}
}

func timestamp(p []byte) time.Time {
	var sec, nsec int64
	switch len(p) {
	case 4:
		sec = int64(binary.BigEndian.Uint32(p))
	case 8:
		u := binary.BigEndian.Uint64(p)
		sec, nsec = int64(u&(1<<34-1)), int64(u>>34)
	default:
		sec, nsec = int64(binary.BigEndian.Uint64(p[4:])), int64(binary.BigEndian.Uint32(p))
	}
	return time.Unix(sec, nsec).UTC()
}

// appendTime appends t in form f.
func (f Form) appendTime(dst []byte, t time.Time) []byte {
	if f != Notepack {
		return AppendTime(dst, t)
	}
	return binary.BigEndian.AppendUint64(append(dst, codeFixExt8, extNotepack), uint64(t.UnixMilli()))
}

// HasBytes reports whether the value p holds bytes at any depth. Skip must have checked p.
func (f Form) HasBytes(p []byte) bool {
	bytes, _ := f.scan(p)
	return bytes
}

// scan reports whether the value p holds bytes, and whether it holds times in the form of Standard, at any depth. Skip
// must have checked p.
func (f Form) scan(p []byte) (bytes, timestamps bool) {
	for i := 0; i < len(p); {
		h, err := ReadHead(p, i)
		if err != nil {
			return bytes, timestamps
		}
		i = h.At
		switch h.Kind {
		case KindBin:
			bytes = true
			i += h.N
		case KindExt, KindFixed:
			switch f.extension(p, h) {
			case extBytes, extUnknown:
				bytes = true
			case extTimestamp:
				timestamps = true
			}
			i += h.N
		case KindArray, KindMap:
		default:
			i += h.N
		}
	}
	return bytes, timestamps
}

// nan is JavaScript's NaN; Go's has different bits.
var nan = math.Float64frombits(0x7ff8_0000_0000_0000)
