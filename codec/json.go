package codec

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// JSON is the encoding of JSON text in UTF-8. Numbers that a float64 cannot hold are infinite, as in JavaScript.
var JSON Encoding = jsonEncoding{}

type jsonEncoding struct{}

func (jsonEncoding) Name() string { return "json" }

func (jsonEncoding) Tree(p []byte) (any, error) {
	if err := checkJSON(p, MaxDepth); err != nil {
		return nil, err
	}
	return buildTree(p, nil), nil
}

// checkJSON returns an error if p is not exactly one JSON text that nests up to depth levels.
func checkJSON(p []byte, depth int) error {
	if !utf8.Valid(p) {
		return fmt.Errorf("%w: json is not valid UTF-8", ErrMalformed)
	}
	i, err := jsontext.Skip(p, 0, depth)
	if err != nil {
		return malformed(err)
	}
	return endJSON(p, i)
}

// endJSON returns an error if anything but white space follows at p[i].
func endJSON(p []byte, i int) error {
	if i = jsontext.Space(p, i); i < len(p) {
		return fmt.Errorf("%w: json at byte %d: unexpected data follows the value", ErrMalformed, i)
	}
	return nil
}

func malformed(err error) error { return fmt.Errorf("%w: %w", ErrMalformed, err) }

// treeReader builds a tree from JSON that is known to be valid.
type treeReader struct {
	p       []byte
	text    string // a copy of p; the strings of the tree are substrings of it
	i       int
	scratch []byte
	asides  []aside // parts of the tree that replace text of p, in the order of the text

	// Stacks of the elements of the arrays and objects that are being read.
	values  []any
	members []Member
}

var treeReaders = sync.Pool{New: func() any { return new(treeReader) }}

// buildTree builds a tree from p, which must be valid JSON. asides replace parts of the text.
func buildTree(p []byte, asides []aside) any {
	r := treeReaders.Get().(*treeReader)
	r.p, r.text, r.asides = p, string(p), asides
	t := r.value()
	if max(cap(r.scratch), cap(r.values), cap(r.members)) <= maxIdle/32 {
		*r = treeReader{scratch: r.scratch, values: r.values, members: r.members}
		treeReaders.Put(r)
	}
	return t
}

func (r *treeReader) value() any {
	r.i = jsontext.Space(r.p, r.i)
	if len(r.asides) > 0 && r.asides[0].from == r.i {
		t := r.asides[0].tree
		r.i = r.asides[0].to
		r.asides = r.asides[1:]
		return t
	}
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
	if end := jsontext.Plain(r.p, start+1); r.p[end] == '"' {
		r.i = end + 1
		return r.text[start+1 : end]
	}
	r.i, _ = jsontext.SkipString(r.p, r.i)
	r.scratch = jsontext.Unquote(r.p[start:r.i], r.scratch[:0])
	return string(r.scratch)
}

// more moves past the comma or the closing bracket, and reports whether an element follows.
func (r *treeReader) more() bool {
	r.i = jsontext.Space(r.p, r.i)
	r.i++
	return r.p[r.i-1] == ','
}

// empty moves past the opening bracket. If the closing bracket follows, it moves past that too and returns true.
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
	start := len(r.values)
	for more := !r.empty(); more; more = r.more() {
		v := r.value()
		r.values = append(r.values, v)
	}
	list := make([]any, len(r.values)-start)
	r.values = pop(list, r.values, start)
	return list
}

func (r *treeReader) object() Object {
	start := len(r.members)
	for more := !r.empty(); more; more = r.more() {
		r.i = jsontext.Space(r.p, r.i)
		key := r.string()
		r.i, _ = jsontext.Colon(r.p, r.i)
		v := r.value()
		r.members = append(r.members, Member{key, v})
	}
	o := make(Object, len(r.members)-start)
	r.members = pop(o, r.members, start)
	return o
}

// pop moves the elements of stack from start on to list and returns the rest of stack.
func pop[E any](list, stack []E, start int) []E {
	copy(list, stack[start:])
	clear(stack[start:])
	return stack[:start]
}

// parseNumber converts a JSON number: to an integer if it is one of up to 64 bits, otherwise to a float64. -0 is a
// float64, because integers have no negative zero.
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
		return nil // not a JSON number
	}
	return f
}
