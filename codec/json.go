package codec

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec/internal/jsontext"
)

// JSON is the encoding of JSON text in UTF-8. Numbers too large for a float64 are infinite, as in JavaScript.
var JSON Encoding = jsonEncoding{}

type jsonEncoding struct{}

func (jsonEncoding) Name() string { return "json" }

func (jsonEncoding) Tree(p []byte) (any, error) {
	if err := checkJSON(p, MaxDepth); err != nil {
		return nil, err
	}
	r := treeReader{p: p}
	return r.value(), nil
}

// checkJSON reports whether p is one JSON text that nests no deeper than depth.
func checkJSON(p []byte, depth int) error {
	if !utf8.Valid(p) {
		return fmt.Errorf("%w: json is not valid UTF-8", ErrMalformed)
	}
	i, err := jsontext.Skip(p, 0, depth)
	if err != nil {
		return malformedJSON(err)
	}
	return endJSON(p, i)
}

// endJSON reports what follows at p[i].
func endJSON(p []byte, i int) error {
	if i = jsontext.Space(p, i); i < len(p) {
		return fmt.Errorf("%w: json at byte %d: something follows the value", ErrMalformed, i)
	}
	return nil
}

func malformedJSON(err error) error {
	if errors.Is(err, jsontext.ErrDepth) {
		return fmt.Errorf("%w: %w", ErrMalformed, ErrDepth)
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

// treeReader makes a tree of JSON that checkJSON has checked.
type treeReader struct {
	p       []byte
	i       int
	scratch []byte
}

func (r *treeReader) value() any {
	r.i = jsontext.Space(r.p, r.i)
	switch r.p[r.i] {
	case '"':
		return r.string()
	case '{':
		return r.object()
	case '[':
		return r.array()
	case 't':
		r.i += len("true")
		return true
	case 'f':
		r.i += len("false")
		return false
	case 'n':
		r.i += len("null")
		return nil
	}
	start := r.i
	r.i, _ = jsontext.SkipNumber(r.p, r.i)
	return parseNumber(string(r.p[start:r.i]))
}

func (r *treeReader) string() string {
	start := r.i
	r.i, _ = jsontext.SkipString(r.p, r.i)
	text := jsontext.Unquote(r.p[start:r.i], r.scratch[:0])
	if cap(text) > cap(r.scratch) && len(text) < r.i-start-2 { // it had escapes, so text is a grown scratch
		r.scratch = text
	}
	return string(text)
}

// more moves behind the comma or the closing bracket, and reports whether an element follows.
func (r *treeReader) more() bool {
	r.i = jsontext.Space(r.p, r.i)
	r.i++
	return r.p[r.i-1] == ','
}

// empty moves behind the opening bracket, and behind the closing one if nothing is between them.
func (r *treeReader) empty() bool {
	closing := r.p[r.i] + 2
	r.i = jsontext.Space(r.p, r.i+1)
	if r.p[r.i] != closing {
		return false
	}
	r.i++
	return true
}

func (r *treeReader) array() []any {
	list := []any{}
	for more := !r.empty(); more; more = r.more() {
		list = append(list, r.value())
	}
	return list
}

func (r *treeReader) object() Object {
	o := Object{}
	for more := !r.empty(); more; more = r.more() {
		r.i = jsontext.Space(r.p, r.i)
		key := r.string()
		r.i, _ = jsontext.Colon(r.p, r.i)
		o = append(o, Member{key, r.value()})
	}
	return o
}

// parseNumber reads a JSON number: an integer stays one if it fits in 64 bits. -0 is a float64, since no integer has its sign.
func parseNumber(s string) any {
	if s == "-0" {
		return math.Copysign(0, -1)
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return u
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return nil // no JSON number
	}
	return f
}
