package jsonmsgpack

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// binaryReader implements reader for msgpack.
type binaryReader struct {
	form msgpack.Form
	p    []byte
	i    int
	left [8]int // elements left in each open map or array of the message itself
	open int
}

func (r *binaryReader) kind() kind {
	h, err := msgpack.ReadHead(r.p, r.i)
	if err != nil {
		return kindOther
	}
	switch h.Kind {
	case msgpack.KindNil:
		return kindNull
	case msgpack.KindBool:
		return kindBool
	case msgpack.KindFix, msgpack.KindInt, msgpack.KindUint, msgpack.KindFloat:
		return kindNumber
	case msgpack.KindStr:
		return kindString
	case msgpack.KindArray:
		return kindArray
	case msgpack.KindMap:
		return kindMap
	}
	return kindOther
}

func (r *binaryReader) null() { r.i++ }

// bytes reads a string.
func (r *binaryReader) bytes() ([]byte, error) {
	h, err := msgpack.ReadHead(r.p, r.i)
	if err != nil {
		return nil, err
	}
	if h.Kind != msgpack.KindStr {
		return nil, errNotString
	}
	r.i = h.At + h.N
	return r.p[h.At:r.i], nil
}

func (r *binaryReader) str() (string, error) {
	p, err := r.bytes()
	return jsontext.ValidUTF8(string(p)), err
}

func (r *binaryReader) num() (number, error) {
	h, err := msgpack.ReadHead(r.p, r.i)
	if err != nil {
		return number{}, err
	}
	switch h.Kind {
	case msgpack.KindFix, msgpack.KindInt, msgpack.KindUint, msgpack.KindFloat:
	default:
		return number{}, errNotNumber
	}
	n := msgpack.ReadNumber(r.p, h, r.p[r.i])
	if !n.Integer {
		n = msgpack.FloatNumber(n.F)
	}
	r.i = h.At + h.N
	return n, nil
}

func (r *binaryReader) boolean() (bool, error) {
	h, err := msgpack.ReadHead(r.p, r.i)
	if err != nil {
		return false, err
	}
	if h.Kind != msgpack.KindBool {
		return false, errNotBool
	}
	r.i++
	return r.p[r.i-1] == msgpack.CodeTrue, nil
}

func (r *binaryReader) openMap() error   { return r.enter(msgpack.KindMap, errNotMap) }
func (r *binaryReader) openArray() error { return r.enter(msgpack.KindArray, errNotArray) }

func (r *binaryReader) enter(want msgpack.Kind, otherwise error) error {
	h, err := msgpack.ReadHead(r.p, r.i)
	if err != nil {
		return err
	}
	if h.Kind != want {
		return otherwise
	}
	r.i = h.At
	r.left[r.open] = h.N
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
	h, err := msgpack.ReadHead(r.p, r.i)
	if err == nil {
		err = r.form.CheckKey(r.p, h)
	}
	if err != nil {
		return nil, false, err
	}
	r.i = h.At + h.N
	if h.Kind != msgpack.KindStr {
		return nil, true, nil // a number is not the key of any field
	}
	return r.p[h.At:r.i], true, nil
}

func (r *binaryReader) skip() error {
	end, err := r.form.Skip(r.p, r.i, codec.MaxDepth-r.open)
	if err != nil {
		return err
	}
	r.i = end
	return nil
}

func (r *binaryReader) pos() int { return r.i }

func (r *binaryReader) since(pos int) []byte { return r.p[pos:r.i] }

func (r *binaryReader) encoding() codec.Encoding { return r.form }

// buffers implements reader: msgpack has bytes.
func (r *binaryReader) buffers() bool { return false }

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
