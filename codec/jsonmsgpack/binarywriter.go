package jsonmsgpack

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/internal/jsontext"
	"github.com/backplane-go/backplane/codec/internal/message"
)

// protoKey is the key that @msgpack/msgpack refuses to read. Every Node.js node would lose a message with it.
const protoKey = "__proto__"

var errProto = fmt.Errorf("codec/jsonmsgpack: Node.js refuses the map key %s", protoKey)

// binaryWriter implements writer for msgpack and follows @msgpack/msgpack 2.8.
type binaryWriter struct {
	out  []byte
	open int // open maps and arrays of the message itself

	counts  []int  // lengths of the arrays and objects in JSON that is being translated
	scratch []byte // buffer for strings with escapes
}

var binaryWriters = sync.Pool{New: func() any { return new(binaryWriter) }}

func newBinaryWriter(dst []byte) *binaryWriter {
	w := binaryWriters.Get().(*binaryWriter)
	w.out = dst
	w.open = 0
	return w
}

// maxScratch is the largest buffer that a pooled writer keeps.
const maxScratch = 64 << 10

// release returns w to the pool and returns what it wrote.
func (w *binaryWriter) release() []byte {
	out := w.out
	w.out = nil
	if cap(w.counts) > maxScratch/8 {
		w.counts = nil
	}
	if cap(w.scratch) > maxScratch {
		w.scratch = nil
	}
	binaryWriters.Put(w)
	return out
}

func (w *binaryWriter) openMap(n int) {
	w.open++
	w.out = appendMapHead(w.out, n)
}

func (w *binaryWriter) openArray(n int) {
	w.open++
	w.out = appendArrayHead(w.out, n)
}

func (w *binaryWriter) close() { w.open-- }

func (w *binaryWriter) key(k string) { w.out = append(appendStringHead(w.out, len(k)), k...) }

func (w *binaryWriter) str(s string) { w.key(jsontext.ValidUTF8(s)) }

// strBytes is like str, for bytes that are known to be valid UTF-8.
func (w *binaryWriter) strBytes(p []byte) { w.out = append(appendStringHead(w.out, len(p)), p...) }

func (w *binaryWriter) null() { w.out = append(w.out, codeNil) }

func (w *binaryWriter) boolean(b bool) {
	code := byte(codeFalse)
	if b {
		code = codeTrue
	}
	w.out = append(w.out, code)
}

// num writes an integer as JavaScript does: as a float if it is beyond message.MaxSafe. If JavaScript cannot
// represent the integer, it is written as a 64-bit integer, so that Go nodes lose nothing. Node.js decodes it with
// rounding.
func (w *binaryWriter) num(n int64) {
	if -message.MaxSafe <= n && n <= message.MaxSafe {
		w.out = appendInt(w.out, n)
		return
	}
	var digits [20]byte
	if f := float64(n); floatHas(f, strconv.AppendInt(digits[:0], n, 10)) {
		w.out = appendFloat64(w.out, f)
		return
	}
	w.out = appendUint64(w.out, codeInt64, uint64(n))
}

// unum is like num, for integers above math.MaxInt64.
func (w *binaryWriter) unum(n uint64) {
	var digits [20]byte
	if f := float64(n); floatHas(f, strconv.AppendUint(digits[:0], n, 10)) {
		w.out = appendFloat64(w.out, f)
		return
	}
	w.out = appendUint64(w.out, codeUint64, n)
}

// floatHas reports whether JavaScript and package codec write f with these digits. The integer is then the same
// number as f.
func floatHas(f float64, digits []byte) bool {
	var own [32]byte
	return bytes.Equal(strconv.AppendFloat(own[:0], f, 'f', -1, 64), digits)
}

// float writes a number as JavaScript does: as an integer if it is a whole number. -0 stays a float, because
// integers have no negative zero.
func (w *binaryWriter) float(f float64) {
	switch {
	case f == 0 && math.Signbit(f):
		w.out = appendFloat64(w.out, f)
	case f == math.Trunc(f) && math.Abs(f) <= message.MaxSafe:
		w.out = appendInt(w.out, int64(f))
	case f != f:
		// the NaN of JavaScript; Go's NaN has different bits
		w.out = appendFloat64(w.out, math.Float64frombits(0x7ff8_0000_0000_0000))
	default:
		w.out = appendFloat64(w.out, f)
	}
}

func (w *binaryWriter) socketValue(v codec.Value) error { return w.value(v) }

func (w *binaryWriter) value(v codec.Value) error {
	if p, ok := v.Bytes(Msgpack); ok {
		w.out = append(w.out, p...)
		return nil
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
func (w *binaryWriter) tree(t any, depth int) error {
	switch t := t.(type) {
	case nil:
		w.null()
	case bool:
		w.boolean(t)
	case int64:
		w.num(t)
	case uint64:
		w.unum(t)
	case float64:
		w.float(t)
	case string:
		w.str(t)
	case []byte:
		w.out = append(appendBytesHead(w.out, len(t)), t...)
	case time.Time:
		w.out = appendTime(w.out, t)
	case []any:
		if depth == 0 {
			return codec.ErrDepth
		}
		w.out = appendArrayHead(w.out, len(t))
		for _, e := range t {
			if err := w.tree(e, depth-1); err != nil {
				return err
			}
		}
	case codec.Object:
		if depth == 0 {
			return codec.ErrDepth
		}
		w.out = appendMapHead(w.out, len(t))
		for _, m := range t {
			if m.Key == protoKey {
				return errProto
			}
			w.str(m.Key)
			if err := w.tree(m.Value, depth-1); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("codec/jsonmsgpack: a tree cannot hold a %T", t)
	}
	return nil
}
