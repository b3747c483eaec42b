package jsonmsgpack

import (
	"errors"
	"strconv"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
)

// textWriter implements writer for JSON.
type textWriter struct {
	b     []byte
	comma bool // a comma must precede the next key or element
	// objects has one bit per open map or array, the lowest for the innermost: 1 for a map.
	objects uint64
	open    int
	plain   bool // the data of sockets has no bytes either
}

// next writes the comma before an element if one is needed.
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

// key writes a key of the message itself, which needs no escapes.
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
	if w.plain {
		return w.value(v)
	}
	w.next()
	start := len(w.b)
	var err error
	w.b, err = v.AppendJSONBuffers(w.b)
	err = w.check(v, start, err)
	// the JSON form of a Buffer nests two levels deeper, so the binary form may still carry the value
	if errors.Is(err, codec.ErrDepth) {
		if _, plain := v.AppendJSON(nil); errors.Is(plain, codec.ErrBinary) {
			return codec.ErrBinary
		}
	}
	return err
}

// check returns codec.ErrDepth if v nests so deeply that a receiver would refuse the message. JSON was checked when
// it became a Value.
func (w *textWriter) check(v codec.Value, start int, err error) error {
	if err != nil || v.Encoding() == codec.JSON {
		return err
	}
	if _, err = jsontext.Skip(w.b, start, codec.MaxDepth-w.open); err != nil {
		return codec.ErrDepth
	}
	return nil
}
