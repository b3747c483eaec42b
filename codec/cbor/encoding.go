package cbor

import (
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
)

// CBOR is the encoding of CBOR values as this package writes them. The keys of maps are text. The only tags are 0
// (time) and 262 (embedded JSON).
var CBOR codec.Encoding = encoding{}

type encoding struct{}

func (encoding) Name() string { return "cbor" }

func (encoding) Tree(p []byte) (any, error) {
	if err := decMode.Wellformed(p); err != nil {
		return nil, malformed("cbor", err)
	}
	r := treeReader{p: p}
	t, err := r.value(codec.MaxDepth)
	if err != nil {
		return nil, malformed("cbor", err)
	}
	return t, nil
}

var (
	errKey   = errors.New("a map key must be text")
	errUTF8  = errors.New("text is not valid UTF-8")
	errValue = errors.New("unknown tag or simple value")

	errLength = errors.New("a length exceeds the data")

	errTrailing = errors.New("unexpected data follows the embedded JSON")
)

// treeReader builds a tree from well-formed CBOR.
type treeReader struct {
	p []byte
	i int
}

// head reads a head and checks that as many bytes follow as it announces; for an array or a map, at least one byte
// for each element. The library does not ensure this on 32-bit processors, where it truncates lengths to 32 bits. n
// is math.MaxInt if the number of an integer or a tag is larger.
func (r *treeReader) head() (major byte, n int, err error) {
	major, u, size := readHead(r.p[r.i:])
	r.i += size
	switch major {
	case majorBytes, majorText, majorArray, majorMap:
		if u > uint64(len(r.p)-r.i) {
			return major, 0, errLength
		}
	}
	return major, int(min(u, math.MaxInt)), nil
}

func (r *treeReader) value(depth int) (any, error) {
	start := r.i
	major, n, err := r.head()
	if err != nil {
		return nil, err
	}
	switch major {
	case majorBytes:
		r.i += n
		return r.p[r.i-n : r.i : r.i], nil
	case majorText:
		return r.text(n)
	case majorArray:
		if depth == 0 {
			return nil, codec.ErrDepth
		}
		list := make([]any, n)
		for k := range list {
			var err error
			if list[k], err = r.value(depth - 1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case majorMap:
		return r.object(n, depth)
	case majorTag:
		if n == tagJSON {
			return r.json(depth)
		}
	}
	r.i = start
	return r.scalar()
}

func (r *treeReader) text(n int) (string, error) {
	p := r.p[r.i : r.i+n]
	r.i += n
	if !utf8.Valid(p) {
		return "", errUTF8
	}
	return string(p), nil
}

func (r *treeReader) object(n, depth int) (any, error) {
	if depth == 0 {
		return nil, codec.ErrDepth
	}
	o := make(codec.Object, n)
	for k := range o {
		major, size, err := r.head()
		if err != nil {
			return nil, err
		}
		if major != majorText {
			return nil, errKey
		}
		if o[k].Key, err = r.text(size); err != nil {
			return nil, err
		}
		if o[k].Value, err = r.value(depth - 1); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// json reads the byte string that follows tag 262.
func (r *treeReader) json(depth int) (any, error) {
	major, n, err := r.head()
	if err != nil {
		return nil, err
	}
	if major != majorBytes {
		return nil, errValue
	}
	r.i += n
	v, err := checkedJSON(r.p[r.i-n:r.i], codec.MaxDepth-depth)
	if err != nil {
		return nil, err
	}
	return v.Tree()
}

// scalar lets the library decode numbers, times and simple values.
func (r *treeReader) scalar() (any, error) {
	var t any
	rest, err := decMode.UnmarshalFirst(r.p[r.i:], &t)
	if err != nil {
		return nil, err
	}
	r.i = len(r.p) - len(rest)
	switch t := t.(type) {
	case nil, bool, int64, float64:
		return t, nil
	case uint64:
		if t <= math.MaxInt64 {
			return int64(t), nil
		}
		return t, nil
	case time.Time:
		return t.UTC(), nil
	case cbor.Tag, cbor.SimpleValue:
		return nil, errValue
	}
	return nil, errValue
}

// checkedJSON returns p as a Value after checking it. level is the number of arrays and maps of the message around
// it.
func checkedJSON(p []byte, level int) (codec.Value, error) {
	if !utf8.Valid(p) {
		return codec.Value{}, errUTF8
	}
	end, err := jsontext.Skip(p, 0, codec.MaxDepth-level)
	if err != nil {
		return codec.Value{}, err
	}
	if end = jsontext.Space(p, end); end < len(p) {
		return codec.Value{}, errTrailing
	}
	v := codec.Raw(codec.JSON, p)
	if v.IsNull() {
		return codec.Value{}, nil
	}
	return v, nil
}
