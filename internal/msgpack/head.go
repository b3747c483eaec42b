package msgpack

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
)

var (
	errShort    = errors.New("msgpack: unexpected end")
	errCode     = errors.New("msgpack: invalid first byte of a value")
	errProtoKey = fmt.Errorf("msgpack: Node.js refuses the map key %s", protoKey)
	errMapK     = errors.New("msgpack: a map key must be a string or a number")
	errExt      = errors.New("msgpack: unknown extension")
	errTrailing = errors.New("unexpected data follows the value")
)

// Head is the head of a msgpack value: its kind and the length of the rest.
type Head struct {
	Kind Kind
	N    int // elements of an array, pairs of a map, or bytes of the rest
	At   int // where the rest begins
}

// Kind is the kind of a value.
type Kind uint8

// The kinds.

const (
	KindNil   Kind = 0
	KindBool  Kind = 1
	KindInt   Kind = 2 // N bytes follow
	KindUint  Kind = 3 // N bytes follow
	KindFix   Kind = 4 // the first byte holds the integer
	KindFloat Kind = 5 // N bytes follow
	KindStr   Kind = 6
	KindBin   Kind = 7
	KindArray Kind = 8
	KindMap   Kind = 9
	KindExt   Kind = 10 // the byte before the rest is the type
	KindFixed Kind = 11 // like KindExt, in a form of fixed length
)

// ReadHead reads the head of the value at p[i] and checks that as many bytes follow as it announces; for a map or an
// array, at least one byte for each element.
func ReadHead(p []byte, i int) (Head, error) {
	if i >= len(p) {
		return Head{}, errShort
	}
	c := p[i]
	i++
	h := Head{At: i}
	var size int // length of the length that follows, in bytes
	switch {
	case c < CodeFixMap || c >= codeNegative:
		h.Kind = KindFix
		return h, nil
	case c < CodeFixArray:
		h.Kind, h.N = KindMap, int(c-CodeFixMap)
	case c < codeFixStr:
		h.Kind, h.N = KindArray, int(c-CodeFixArray)
	case c < codeNil:
		h.Kind, h.N = KindStr, int(c-codeFixStr)
	default:
		switch c {
		case codeNil:
			return h, nil
		case codeFalse, CodeTrue:
			h.Kind = KindBool
			return h, nil
		case codeBin8, codeBin16, codeBin32:
			h.Kind, size = KindBin, 1<<(c-codeBin8)
		case codeExt8, codeExt16, codeExt32:
			h.Kind, size = KindExt, 1<<(c-codeExt8)
		case codeFloat32, codeFloat64:
			h.Kind, h.N = KindFloat, 4<<(c-codeFloat32)
		case codeUint8, codeUint16, codeUint32, codeUint64:
			h.Kind, h.N = KindUint, 1<<(c-codeUint8)
		case codeInt8, codeInt16, codeInt32, codeInt64:
			h.Kind, h.N = KindInt, 1<<(c-codeInt8)
		case codeFixExt1, codeFixExt2, codeFixExt4, codeFixExt8, codeFixExt16:
			h.Kind, h.N = KindFixed, 1<<(c-codeFixExt1)
		case codeStr8, codeStr16, codeStr32:
			h.Kind, size = KindStr, 1<<(c-codeStr8)
		case codeArray16, codeArray32:
			h.Kind, size = KindArray, 2<<(c-codeArray16)
		case codeMap16, codeMap32:
			h.Kind, size = KindMap, 2<<(c-codeMap16)
		default:
			return h, errCode
		}
	}
	if size > 0 {
		n, ok := readUint(p, i, size)
		if !ok || n > uint64(len(p)) {
			return h, errShort
		}
		h.N = int(n)
		h.At += size
	}
	if h.Kind >= KindExt {
		if h.At >= len(p) {
			return h, errShort
		}
		h.At++
	}
	room := len(p) - h.At
	if h.Kind == KindMap {
		room /= 2
	}
	if h.N > room {
		return h, errShort
	}
	return h, nil
}

// Skip checks the structure of the value at p[i] and returns the index after it. Maps and arrays may nest up to
// depth levels.
func (f Form) Skip(p []byte, i, depth int) (int, error) {
	// left counts the elements that are still to come in each open map or array. A pair of a map counts as two, so
	// left is even before a key.
	var left [codec.MaxDepth]int
	var isMap [codec.MaxDepth]bool
	open := 0
	for {
		h, err := ReadHead(p, i)
		if err != nil {
			return i, err
		}
		if open > 0 && isMap[open-1] && left[open-1]%2 == 0 {
			if err := f.CheckKey(p, h); err != nil {
				return i, err
			}
		}
		i = h.At
		switch {
		case h.Kind < KindArray:
			i += h.N
		case h.Kind <= KindMap:
			if open >= depth {
				return i, codec.ErrDepth
			}
			if h.N > 0 {
				left[open], isMap[open] = h.N, h.Kind == KindMap
				if h.Kind == KindMap {
					left[open] *= 2
				}
				open++
				continue
			}
		default:
			if err := f.checkExtension(p, h, depth-open); err != nil {
				return i, err
			}
			i += h.N
		}
		for open > 0 {
			if left[open-1]--; left[open-1] > 0 {
				break
			}
			open--
		}
		if open == 0 {
			return i, nil
		}
	}
}

// CheckKey refuses the keys that Node.js refuses.
func (f Form) CheckKey(p []byte, h Head) error {
	switch h.Kind {
	case KindStr:
		if string(p[h.At:h.At+h.N]) == protoKey && f == Standard {
			return errProtoKey
		}
	case KindFix, KindInt, KindUint, KindFloat:
	default:
		return errMapK
	}
	return nil
}
