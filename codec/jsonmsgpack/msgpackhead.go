package jsonmsgpack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
)

var (
	errShort = errors.New("msgpack: unexpected end")
	errCode  = errors.New("msgpack: invalid first byte of a value")
	errMapK  = errors.New("msgpack: a map key must be a string or a number")
	errExt   = errors.New("msgpack: unknown extension")
)

// head is the head of a msgpack value: its kind and the length of the rest.
type head struct {
	kind headKind
	n    int // elements of an array, pairs of a map, or bytes of the rest
	at   int // where the rest begins
}

type headKind uint8

const (
	headNil   headKind = 0
	headBool  headKind = 1
	headInt   headKind = 2 // n bytes follow
	headUint  headKind = 3 // n bytes follow
	headFix   headKind = 4 // the first byte holds the integer
	headFloat headKind = 5 // n bytes follow
	headStr   headKind = 6
	headBin   headKind = 7
	headTime  headKind = 8 // extension -1
	headArray headKind = 9
	headMap   headKind = 10
)

// readHead reads the head of the value at p[i] and checks that as many bytes follow as it announces; for a map or an
// array, at least one byte for each element.
func readHead(p []byte, i int) (head, error) {
	if i >= len(p) {
		return head{}, errShort
	}
	c := p[i]
	i++
	h := head{at: i}
	var size int // length of the length that follows, in bytes
	switch {
	case c < codeFixMap || c >= codeNegative:
		h.kind = headFix
		return h, nil
	case c < codeFixArray:
		h.kind, h.n = headMap, int(c-codeFixMap)
	case c < codeFixStr:
		h.kind, h.n = headArray, int(c-codeFixArray)
	case c < codeNil:
		h.kind, h.n = headStr, int(c-codeFixStr)
	default:
		switch c {
		case codeNil:
			return h, nil
		case codeFalse, codeTrue:
			h.kind = headBool
			return h, nil
		case codeBin8, codeBin16, codeBin32:
			h.kind, size = headBin, 1<<(c-codeBin8)
		case codeExt8, codeExt16, codeExt32:
			h.kind, size = headTime, 1<<(c-codeExt8)
		case codeFloat32, codeFloat64:
			h.kind, h.n = headFloat, 4<<(c-codeFloat32)
		case codeUint8, codeUint16, codeUint32, codeUint64:
			h.kind, h.n = headUint, 1<<(c-codeUint8)
		case codeInt8, codeInt16, codeInt32, codeInt64:
			h.kind, h.n = headInt, 1<<(c-codeInt8)
		case codeFixExt1, codeFixExt2, codeFixExt4, codeFixExt8, codeFixExt16:
			h.kind, h.n = headTime, 1<<(c-codeFixExt1)
		case codeStr8, codeStr16, codeStr32:
			h.kind, size = headStr, 1<<(c-codeStr8)
		case codeArray16, codeArray32:
			h.kind, size = headArray, 2<<(c-codeArray16)
		case codeMap16, codeMap32:
			h.kind, size = headMap, 2<<(c-codeMap16)
		default:
			return h, errCode
		}
	}
	if size > 0 {
		n, ok := readUint(p, i, size)
		if !ok || n > uint64(len(p)) {
			return h, errShort
		}
		h.n = int(n)
		h.at += size
	}
	if h.kind == headTime {
		if h.at >= len(p) {
			return h, errShort
		}
		if p[h.at] != extTime || h.n != 4 && h.n != 8 && h.n != 12 {
			return h, errExt
		}
		h.at++
	}
	room := len(p) - h.at
	if h.kind == headMap {
		room /= 2
	}
	if h.n > room {
		return h, errShort
	}
	return h, nil
}

// readUint reads a big-endian integer of 1, 2, 4 or 8 bytes.
func readUint(p []byte, i, size int) (uint64, bool) {
	if size > len(p)-i {
		return 0, false
	}
	switch size {
	case 1:
		return uint64(p[i]), true
	case 2:
		return uint64(binary.BigEndian.Uint16(p[i:])), true
	case 4:
		return uint64(binary.BigEndian.Uint32(p[i:])), true
	}
	return binary.BigEndian.Uint64(p[i:]), true
}

// skip checks the structure of the value at p[i] and returns the index after it. Maps and arrays may nest up to
// depth levels.
func skip(p []byte, i, depth int) (int, error) {
	// left counts the elements that are still to come in each open map or array. A pair of a map counts as two, so
	// left is even before a key.
	var left [codec.MaxDepth]int
	var isMap [codec.MaxDepth]bool
	open := 0
	for {
		h, err := readHead(p, i)
		if err != nil {
			return i, err
		}
		if open > 0 && isMap[open-1] && left[open-1]%2 == 0 {
			if err := checkKey(p, h); err != nil {
				return i, err
			}
		}
		i = h.at
		switch h.kind {
		case headArray, headMap:
			if open >= depth {
				return i, codec.ErrDepth
			}
			if h.n > 0 {
				left[open], isMap[open] = h.n, h.kind == headMap
				if h.kind == headMap {
					left[open] *= 2
				}
				open++
				continue
			}
		default:
			i += h.n
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

// checkKey refuses the keys that Node.js refuses.
func checkKey(p []byte, h head) error {
	switch h.kind {
	case headStr:
		if string(p[h.at:h.at+h.n]) == protoKey {
			return fmt.Errorf("msgpack: Node.js refuses the map key %s", protoKey)
		}
	case headFix, headInt, headUint, headFloat:
	default:
		return errMapK
	}
	return nil
}
