package jsonmsgpack

import (
	"errors"
	"strconv"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/internal/jsontext"
)

// textWriter writes JSON.
type textWriter struct {
	b     []byte
	comma bool // a comma must come before the next key or element
	// objects has one bit per open container, the lowest for the innermost: is it an object?
	objects uint64
	open    int
}

// next writes the comma that is due before an element.
func (w *textWriter) next() {
	if w.comma {
		w.b = append(w.b, ',')
	}
	w.comma = true
}

func (w *textWriter) start(bracket byte, object uint64) {
	w.next()
	w.b = append(w.b, bracket)
	w.comma = false
	w.objects = w.objects<<1 | object
	w.open++
}

func (w *textWriter) openMap(int)   { w.start('{', 1) }
func (w *textWriter) openArray(int) { w.start('[', 0) }

func (w *textWriter) close() {
	bracket := byte(']')
	if w.objects&1 == 1 {
		bracket = '}'
	}
	w.b = append(w.b, bracket)
	w.comma = true
	w.objects >>= 1
	w.open--
}

// key takes only keys of ours, which need no escapes.
func (w *textWriter) key(k string) {
	w.next()
	w.b = append(w.b, '"')
	w.b = append(w.b, k...)
	w.b = append(w.b, '"', ':')
	w.comma = false
}

func (w *textWriter) str(s string) {
	w.next()
	w.b = jsontext.AppendString(w.b, s)
}

func (w *textWriter) num(n int64) {
	w.next()
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *textWriter) boolean(b bool) {
	w.next()
	w.b = strconv.AppendBool(w.b, b)
}

func (w *textWriter) value(v codec.Value) error {
	w.next()
	start := len(w.b)
	var err error
	w.b, err = v.AppendJSON(w.b)
	return w.check(v, start, err)
}

func (w *textWriter) socketValue(v codec.Value) error {
	w.next()
	start := len(w.b)
	var err error
	w.b, err = v.AppendJSONBuffers(w.b)
	err = w.check(v, start, err)
	if errors.Is(err, codec.ErrDepth) { // a Buffer has two levels of its own, so the binary form may still carry it
		if _, plain := v.AppendJSON(nil); errors.Is(plain, codec.ErrBinary) {
			return codec.ErrBinary
		}
	}
	return err
}

// check refuses what a receiver would refuse as too deep. What is JSON already was checked when it became a Value.
func (w *textWriter) check(v codec.Value, start int, err error) error {
	if err != nil || v.Encoding() == codec.JSON {
		return err
	}
	if _, err = jsontext.Skip(w.b, start, codec.MaxDepth-w.open); err != nil {
		return codec.ErrDepth
	}
	return nil
}
