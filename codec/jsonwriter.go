package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// jsonWriter writes Go values as JSON.stringify writes them. Method value handles the common types, and
// reflected handles all others. JSON cannot represent bytes, so they are kept aside: a value that holds bytes
// becomes a tree at the end.
//
// The per-type marshalers of encoding/json/v2 could find bytes too, but up to Go 1.26 they need
// GOEXPERIMENT=jsonv2, which a library cannot require. Measured with Go 1.26, they are also slower: a flat
// struct takes 490 ns and 5 allocations instead of 146 ns and 1, a map 746 ns and 6 instead of 291 ns and 1.
type jsonWriter struct {
	p        []byte
	keys     []string // a stack: the sorted keys of the maps that are being written
	pointers int      // the number of pointers that led to the current value

	asides []aside
	binary bool // the value holds bytes
	refuse bool // stop with errHoldsBytes at the first bytes
}

// aside is a part of a tree that replaces a part of the text.
type aside struct {
	from, to int // the part of the text
	tree     any
}

var jsonWriters = sync.Pool{New: func() any { return new(jsonWriter) }}

func newJSONWriter() *jsonWriter { return jsonWriters.Get().(*jsonWriter) }

// maxIdle is the largest buffer that a pooled writer keeps.
const maxIdle = 64 << 10

func (w *jsonWriter) release() {
	w.p = w.p[:0]
	clear(w.keys)
	w.keys = w.keys[:0]
	clear(w.asides)
	w.asides = w.asides[:0]
	w.pointers, w.binary, w.refuse = 0, false, false
	if cap(w.p) <= maxIdle && max(cap(w.keys), cap(w.asides)) <= maxIdle/32 {
		jsonWriters.Put(w)
	}
}

// result returns what was written. It shares no memory with w.
func (w *jsonWriter) result() Value {
	if !w.binary {
		p := make([]byte, len(w.p))
		copy(p, w.p)
		return Raw(JSON, p)
	}
	return FromTree(buildTree(w.p, w.asides))
}

// bytes puts a copy of p aside.
func (w *jsonWriter) bytes(p []byte) error {
	w.binary = true
	if w.refuse {
		return errHoldsBytes
	}
	w.putAside(bytes.Clone(p))
	return nil
}

var errHoldsBytes = errors.New("codec: the value holds bytes")

// putAside puts t aside and writes null in its place. The result becomes a tree.
func (w *jsonWriter) putAside(t any) {
	w.binary = true
	start := len(w.p)
	w.p = append(w.p, "null"...)
	w.asides = append(w.asides, aside{start, len(w.p), t})
}

// value writes v, in which arrays and objects may nest up to depth levels.
func (w *jsonWriter) value(v any, depth int) error {
	switch t := v.(type) {
	case nil:
		w.p = append(w.p, "null"...)
	case string:
		w.p = jsontext.AppendString(w.p, t)
	case bool:
		w.p = strconv.AppendBool(w.p, t)
	case int:
		w.p = strconv.AppendInt(w.p, int64(t), 10)
	case int64:
		w.p = strconv.AppendInt(w.p, t, 10)
	case int32:
		w.p = strconv.AppendInt(w.p, int64(t), 10)
	case uint:
		w.p = strconv.AppendUint(w.p, uint64(t), 10)
	case uint64:
		w.p = strconv.AppendUint(w.p, t, 10)
	case uint32:
		w.p = strconv.AppendUint(w.p, uint64(t), 10)
	case float64:
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return w.encode(v, depth) // it returns the error
		}
		w.p = appendFloat(w.p, t, 64)
	case map[string]any:
		return object(w, t, depth, w.value)
	case map[string]string:
		return object(w, t, depth, w.text)
	case []any:
		return array(w, t, depth, w.value)
	case []string:
		return array(w, t, depth, w.text)
	case []map[string]any:
		return array(w, t, depth, func(m map[string]any, depth int) error { return object(w, m, depth, w.value) })
	case []byte:
		if t != nil {
			return w.bytes(t)
		}
		w.p = append(w.p, "null"...)
	case json.RawMessage:
		if !w.raw(t, depth) {
			return w.encode(v, depth) // it writes null for nil, or returns the error
		}
	case Value:
		return w.encoded(t, depth)
	case Args:
		return w.encoded(t.v, depth)
	default:
		return w.reflected(shapeOf(reflect.TypeOf(v)), reflect.ValueOf(v), depth)
	}
	return nil
}

func (w *jsonWriter) text(s string, _ int) error {
	w.p = jsontext.AppendString(w.p, s)
	return nil
}

// encode lets encoding/json write v. It is used for what cannot be encoded, to return the same error.
func (w *jsonWriter) encode(v any, depth int) error {
	p, err := json.Marshal(v)
	if err == nil && !w.raw(p, depth) {
		return errTooDeep
	}
	return err
}

// unescape changes the output of encoding/json, from start on, to that of JSON.stringify. The text grows only if its
// UTF-8 is invalid.
func (w *jsonWriter) unescape(start int) {
	p := w.p[start:]
	if !utf8.Valid(p) {
		p = []byte(jsontext.ValidUTF8(string(p)))
	}
	w.p = jsontext.AppendUnescaped(w.p[:start], p)
}

// raw writes p as encoding/json writes the result of a json.Marshaler. If p is not JSON, or nests too deeply, it
// writes nothing and returns false.
func (w *jsonWriter) raw(p []byte, depth int) bool {
	end, err := jsontext.Skip(p, 0, depth)
	if err != nil || jsontext.Space(p, end) != len(p) {
		return false
	}
	start := len(w.p)
	w.p = jsontext.AppendCompact(w.p, p)
	w.unescape(start)
	return true
}

// encoded writes v. At the top level it writes JSON unchanged; inside other values it writes JSON as encoding/json
// does.
func (w *jsonWriter) encoded(v Value, depth int) error {
	if p, ok := v.Bytes(JSON); ok {
		if depth == maxUserDepth {
			w.p = append(w.p, p...)
			return nil
		}
		if !w.raw(p, depth) {
			return w.encode(v, depth)
		}
		return nil
	}
	t, err := v.Tree()
	if err != nil {
		return err
	}
	start := len(w.p)
	w.p, err = appendTree(w.p, t, bytesRefused, MaxDepth)
	if err == ErrBinary {
		w.p = w.p[:start]
		if w.binary = true; w.refuse {
			return errHoldsBytes
		}
		w.putAside(t)
		return nil
	}
	if err == nil && depth < maxUserDepth {
		if _, deep := jsontext.Skip(w.p, start, depth); deep != nil {
			return errTooDeep
		}
	}
	w.asides = append(w.asides, aside{start, len(w.p), t}) // a time is text in JSON but stays a time in a tree
	return err
}

// array writes a list. each writes an element.
func array[E any](w *jsonWriter, list []E, depth int, each func(E, int) error) error {
	switch {
	case list == nil:
		w.p = append(w.p, "null"...)
		return nil
	case depth == 0:
		return errTooDeep
	}
	w.p = append(w.p, '[')
	for i, e := range list {
		if i > 0 {
			w.p = append(w.p, ',')
		}
		if err := each(e, depth-1); err != nil {
			return err
		}
	}
	w.p = append(w.p, ']')
	return nil
}

// object writes a map with sorted keys. each writes a value.
func object[V any](w *jsonWriter, m map[string]V, depth int, each func(V, int) error) error {
	switch {
	case m == nil:
		w.p = append(w.p, "null"...)
		return nil
	case depth == 0:
		return errTooDeep
	}
	start := len(w.keys)
	for k := range m {
		w.keys = append(w.keys, k)
	}
	keys := w.keys[start:]
	slices.Sort(keys)
	w.p = append(w.p, '{')
	for i, k := range keys {
		if i > 0 {
			w.p = append(w.p, ',')
		}
		w.p = append(jsontext.AppendString(w.p, k), ':')
		if err := each(m[k], depth-1); err != nil {
			return err
		}
	}
	w.p = append(w.p, '}')
	clear(w.keys[start:])
	w.keys = w.keys[:start]
	return nil
}
