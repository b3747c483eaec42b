package jsonmsgpack

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/internal/jsontext"
)

// binaryReader implements reader for msgpack.
type binaryReader struct {
	p    []byte
	i    int
	left [8]int // elements left in each open map or array of the message itself
	open int
}

func (r *binaryReader) kind() kind {
	h, err := readHead(r.p, r.i)
	if err != nil {
		return kindOther
	}
	switch h.kind {
	case headNil:
		return kindNull
	case headBool:
		return kindBool
	case headFix, headInt, headUint, headFloat:
		return kindNumber
	case headStr:
		return kindString
	case headArray:
		return kindArray
	case headMap:
		return kindMap
	}
	return kindOther
}

func (r *binaryReader) null() { r.i++ }

// bytes reads a string.
func (r *binaryReader) bytes() ([]byte, error) {
	h, err := readHead(r.p, r.i)
	if err != nil {
		return nil, err
	}
	if h.kind != headStr {
		return nil, errNotString
	}
	r.i = h.at + h.n
	return r.p[h.at:r.i], nil
}

func (r *binaryReader) str() (string, error) {
	p, err := r.bytes()
	return jsontext.ValidUTF8(string(p)), err
}

func (r *binaryReader) num() (number, error) {
	h, err := readHead(r.p, r.i)
	if err != nil {
		return number{}, err
	}
	switch h.kind {
	case headFix, headInt, headUint, headFloat:
	default:
		return number{}, errNotNumber
	}
	n := readNumber(r.p, h, r.p[r.i])
	if !n.integer {
		n = floatNumber(n.f)
	}
	r.i = h.at + h.n
	return n, nil
}

func (r *binaryReader) boolean() (bool, error) {
	h, err := readHead(r.p, r.i)
	if err != nil {
		return false, err
	}
	if h.kind != headBool {
		return false, errNotBool
	}
	r.i++
	return r.p[r.i-1] == codeTrue, nil
}

func (r *binaryReader) openMap() error   { return r.enter(headMap, errNotMap) }
func (r *binaryReader) openArray() error { return r.enter(headArray, errNotArray) }

func (r *binaryReader) enter(want headKind, otherwise error) error {
	h, err := readHead(r.p, r.i)
	if err != nil {
		return err
	}
	if h.kind != want {
		return otherwise
	}
	r.i = h.at
	r.left[r.open] = h.n
	r.open++
	return nil
}

func (r *binaryReader) elem() (bool, error) {
	if r.left[r.open-1] == 0 {
		r.open--
		return false, nil
	}
	r.left[r.open-1]--
	return true, nil
}

func (r *binaryReader) key() ([]byte, bool, error) {
	if more, _ := r.elem(); !more {
		return nil, false, nil
	}
	h, err := readHead(r.p, r.i)
	if err == nil {
		err = checkKey(r.p, h)
	}
	if err != nil {
		return nil, false, err
	}
	r.i = h.at + h.n
	if h.kind != headStr {
		return nil, true, nil // a number is not the key of any field
	}
	return r.p[h.at:r.i], true, nil
}

func (r *binaryReader) skip() error {
	end, err := skip(r.p, r.i, codec.MaxDepth-r.open)
	if err != nil {
		return err
	}
	r.i = end
	return nil
}

func (r *binaryReader) pos() int { return r.i }

func (r *binaryReader) since(pos int) []byte { return r.p[pos:r.i] }

func (r *binaryReader) encoding() codec.Encoding { return Msgpack }

// seek returns to the outermost map. The number of keys left in it no longer matters.
func (r *binaryReader) seek(pos int) {
	r.i = pos
	r.open = 1
}

func (r *binaryReader) end() error {
	if r.i < len(r.p) {
		return errTrailing
	}
	return nil
}
