package msgpack

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/message"
)

// protoKey is a key that no program in Node.js can read: @msgpack/msgpack refuses the message, and notepack.io loses
// the key.
const protoKey = "__proto__"

var errProto = fmt.Errorf("msgpack: Node.js refuses the map key %s", protoKey)

// Writer appends values to Out. It writes numbers as @msgpack/msgpack 2.8 and notepack.io 2.2 do.
type Writer struct {
	Out []byte
	// Bytes reports that bytes were written.
	Bytes bool

	form Form
	open int // open maps and arrays of the message itself

	counts  []int  // lengths of the arrays and objects in JSON that is being translated
	scratch []byte // buffer for strings with escapes
}

var writers = sync.Pool{New: func() any { return new(Writer) }}

// NewWriter returns a Writer that appends to dst.
func NewWriter(dst []byte, form Form) *Writer {
	w := writers.Get().(*Writer)
	w.Out, w.form, w.open, w.Bytes = dst, form, 0, false
	return w
}

// maxScratch is the largest buffer that a pooled writer keeps.
const maxScratch = 64 << 10

// Release returns what w wrote. w must not be used afterwards.
func (w *Writer) Release() []byte {
	out := w.Out
	w.Out = nil
	if cap(w.counts) > maxScratch/8 {
		w.counts = nil
	}
	if cap(w.scratch) > maxScratch {
		w.scratch = nil
	}
	writers.Put(w)
	return out
}

// OpenMap opens a map of n pairs.
func (w *Writer) OpenMap(n int) {
	w.open++
	w.Out = AppendMapHead(w.Out, n)
}

// OpenArray opens an array of n elements.
func (w *Writer) OpenArray(n int) {
	w.open++
	w.Out = AppendArrayHead(w.Out, n)
}

// Close closes the map or array that was opened last.
func (w *Writer) Close() { w.open-- }

// Key writes a string that is valid UTF-8.
func (w *Writer) Key(k string) { w.Out = append(AppendStringHead(w.Out, len(k)), k...) }

// Str writes a string. Bytes that are not UTF-8 become U+FFFD.
func (w *Writer) Str(s string) { w.Key(jsontext.ValidUTF8(s)) }

// strBytes is like Str, for bytes that are known to be valid UTF-8.
func (w *Writer) strBytes(p []byte) { w.Out = append(AppendStringHead(w.Out, len(p)), p...) }

// Null writes nil.
func (w *Writer) Null() { w.Out = append(w.Out, codeNil) }

// Bool writes true or false.
func (w *Writer) Bool(b bool) {
	code := byte(codeFalse)
	if b {
		code = CodeTrue
	}
	w.Out = append(w.Out, code)
}

// Int writes an integer as JavaScript does: as a float if it is beyond message.MaxSafe. If JavaScript cannot
// represent the integer, it is written as a 64-bit integer, so that Go nodes lose nothing. Node.js decodes it with
// rounding.
func (w *Writer) Int(n int64) {
	if -message.MaxSafe <= n && n <= message.MaxSafe {
		w.Out = AppendInt(w.Out, n)
		return
	}
	var digits [20]byte
	if f := float64(n); floatHas(f, strconv.AppendInt(digits[:0], n, 10)) {
		w.Out = AppendFloat64(w.Out, f)
		return
	}
	w.Out = appendUint64(w.Out, codeInt64, uint64(n))
}

// unum is like Int, for integers above math.MaxInt64.
func (w *Writer) unum(n uint64) {
	var digits [20]byte
	if f := float64(n); floatHas(f, strconv.AppendUint(digits[:0], n, 10)) {
		w.Out = AppendFloat64(w.Out, f)
		return
	}
	w.Out = appendUint64(w.Out, codeUint64, n)
}

// floatHas reports whether JavaScript and package codec write f with these digits. The integer is then the same
// number as f.
func floatHas(f float64, digits []byte) bool {
	var own [32]byte
	return bytes.Equal(strconv.AppendFloat(own[:0], f, 'f', -1, 64), digits)
}

// float writes a number as JavaScript does: as an integer if it is a whole number. -0 stays a float, because
// integers have no negative zero.
func (w *Writer) float(f float64) {
	switch {
	case f == 0 && math.Signbit(f):
		w.Out = AppendFloat64(w.Out, f)
	case f == math.Trunc(f) && math.Abs(f) <= message.MaxSafe:
		w.Out = AppendInt(w.Out, int64(f))
	case f != f:
		w.Out = AppendFloat64(w.Out, nan)
	default:
		w.Out = AppendFloat64(w.Out, f)
	}
}

// Value writes user data. What is kept in the form of the Writer is copied, unless it holds times that notepack.io 2
// cannot read.
func (w *Writer) Value(v codec.Value) error {
	if p, ok := v.Bytes(w.form); ok {
		bytes, timestamps := false, false
		if w.form == Notepack {
			bytes, timestamps = w.form.scan(p)
		}
		if !timestamps {
			w.Out = append(w.Out, p...)
			w.Bytes = w.Bytes || bytes
			return nil
		}
	}
	if p, ok := v.Bytes(codec.JSON); ok {
		return w.json(p)
	}
	t, err := v.Tree()
	if err != nil {
		return err
	}
	return w.tree(t, codec.MaxDepth-w.open)
}

// tree writes t, in which maps and arrays may nest up to depth levels.
func (w *Writer) tree(t any, depth int) error {
	switch t := t.(type) {
	case nil:
		w.Null()
	case bool:
		w.Bool(t)
	case int64:
		w.Int(t)
	case uint64:
		w.unum(t)
	case float64:
		w.float(t)
	case string:
		w.Str(t)
	case []byte:
		w.Out = append(AppendBytesHead(w.Out, len(t)), t...)
		w.Bytes = true
	case time.Time:
		w.Out = w.form.appendTime(w.Out, t)
	case []any:
		if depth == 0 {
			return codec.ErrDepth
		}
		w.Out = AppendArrayHead(w.Out, len(t))
		for _, e := range t {
			if err := w.tree(e, depth-1); err != nil {
				return err
			}
		}
	case codec.Object:
		if depth == 0 {
			return codec.ErrDepth
		}
		w.Out = AppendMapHead(w.Out, len(t))
		for _, m := range t {
			if m.Key == protoKey {
				return errProto
			}
			w.Str(m.Key)
			if err := w.tree(m.Value, depth-1); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("msgpack: a tree cannot hold a %T", t)
	}
	return nil
}
