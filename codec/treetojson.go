package codec

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// bytesAs says how bytes are written in JSON.
type bytesAs int

const (
	bytesRefused  bytesAs = 0 // return ErrBinary
	bytesAsBase64 bytesAs = 1 // base64 text, as encoding/json writes bytes
	bytesAsBuffer bytesAs = 2 // the JSON form of a Node.js Buffer
)

// appendTree appends t as JSON. Arrays and objects may nest up to depth levels.
func appendTree(dst []byte, t any, as bytesAs, depth int) ([]byte, error) {
	switch t := t.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, t), nil
	case int64:
		return strconv.AppendInt(dst, t, 10), nil
	case uint64:
		return strconv.AppendUint(dst, t, 10), nil
	case float64:
		return appendFloat(dst, t, 64), nil
	case string:
		return jsontext.AppendString(dst, t), nil
	case time.Time:
		return appendTime(dst, t), nil
	case []byte:
		return appendBytes(dst, t, as)
	}
	if depth == 0 {
		return dst, ErrDepth
	}
	var err error
	switch t := t.(type) {
	case []any:
		dst = append(dst, '[')
		for i, e := range t {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendTree(dst, e, as, depth-1); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case Object:
		dst = append(dst, '{')
		for i, m := range t {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(jsontext.AppendString(dst, m.Key), ':')
			if dst, err = appendTree(dst, m.Value, as, depth-1); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}
	return dst, errNoTree(t)
}

func errNoTree(t any) error { return fmt.Errorf("codec: a tree cannot hold a %T", t) }

func appendBytes(dst, p []byte, as bytesAs) ([]byte, error) {
	switch as {
	case bytesAsBase64:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, p)
		return append(dst, '"'), nil
	case bytesAsBuffer:
		dst = append(dst, `{"type":"Buffer","data":[`...)
		for i, b := range p {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(dst, uint64(b), 10)
		}
		return append(dst, "]}"...), nil
	}
	return dst, ErrBinary
}

// appendFloat writes f as JSON.stringify does, except for -0: JSON.stringify writes 0, but JSON.parse reads -0. bits
// is 32 or 64.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(dst, "null"...)
	case f == 0 && math.Signbit(f):
		return append(dst, "-0"...)
	case f == 0:
		return append(dst, '0')
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 || bits == 32 && float32(abs) >= 1e-6 && float32(abs) < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' { // JavaScript writes e-7, Go writes e-07
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// maxTime is the latest time of a JavaScript Date, in milliseconds.
const maxTime = 8_640_000_000_000_000

// appendTime writes t as JavaScript's toJSON does.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	if s := t.Unix(); s > maxTime/1000 || s < -maxTime/1000 {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	if y := t.Year(); y < 0 || y > 9999 {
		dst = fmt.Appendf(dst, "%+07d", y)
		dst = t.AppendFormat(dst, "-01-02T15:04:05.000Z")
	} else {
		dst = t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
	return append(dst, '"')
}

// BufferBytes returns the bytes of a Node.js Buffer. o must be the JSON form of the Buffer,
// {"type":"Buffer","data":[1,2,3]}; otherwise ok is false.
func BufferBytes(o Object) ([]byte, bool) {
	if len(o) != 2 {
		return nil, false
	}
	kind, _ := o.Lookup("type")
	data, _ := o.Lookup("data")
	list, ok := data.([]any)
	if kind != "Buffer" || !ok {
		return nil, false
	}
	p := make([]byte, len(list))
	for i, e := range list {
		n, ok := e.(int64)
		if !ok || n < 0 || n > 255 {
			return nil, false
		}
		p[i] = byte(n)
	}
	return p, true
}
