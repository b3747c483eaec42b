package codec

import (
	"fmt"
	"math"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// Acked returns the first argument of an acknowledgement. array holds all of its arguments; the others become the
// Rest of the result. The result is null if array is empty. It may share memory with array, as Tree does. If array
// is not an array, the error wraps ErrMalformed.
func Acked(array Value) (Value, error) {
	if p, ok := array.Bytes(JSON); ok {
		return ackedJSON(p)
	}
	t, err := array.Tree()
	if err != nil {
		return Value{}, err
	}
	list, ok := t.([]any)
	switch {
	case !ok:
		return Value{}, fmt.Errorf("%w: not an array", ErrMalformed)
	case len(list) == 0:
		return Value{}, nil
	case len(list) == 1:
		return FromTree(list[0]), nil
	}
	return FromTree(list[0]).WithRest(FromTree(list[1:])), nil
}

func ackedJSON(p []byte) (Value, error) {
	var first Value
	n := 0
	err := eachElement(p, MaxDepth, func(elem []byte) {
		if n == 0 {
			first = Raw(JSON, elem)
		}
		n++
	})
	if err != nil || n < 2 {
		return first, err
	}
	start := jsontext.Space(p, 0) + 1
	end, err := jsontext.Skip(p, jsontext.Space(p, start), MaxDepth)
	if err != nil {
		return Value{}, malformed(err)
	}
	comma := jsontext.Space(p, end)
	return first.WithRest(Raw(JSON, append([]byte{'['}, p[comma+1:]...))), nil
}

// WithRest returns v with rest as its Rest. v is the first argument of an acknowledgement, and rest is the array of
// its other arguments. If rest is not an array, or is an empty one, the result has no Rest.
func (v Value) WithRest(rest Value) Value {
	v = v.withoutRest()
	if first, err := rest.AppendElements(nil, 1); err == nil && len(first) > 0 {
		v.tree = withRest{tree: v.tree, rest: rest.withoutRest()}
	}
	return v
}

// withRest is stored in Value.tree when the Value has a Rest.
type withRest struct {
	tree any // the tree of the Value; nil if the Value holds bytes
	rest Value
}

// withoutRest returns v without its Rest.
func (v Value) withoutRest() Value {
	if w, is := v.tree.(withRest); is {
		v.tree = w.tree
	}
	return v
}

// Rest returns the array of the acknowledgement's other arguments when v is the first one, or null if there are
// none. All other uses of v, such as sending it as an argument, ignore its Rest.
func (v Value) Rest() Value {
	w, _ := v.tree.(withRest)
	return w.rest
}

// All returns all arguments of an acknowledgement whose first argument is v: v, then the elements of its Rest. For
// an acknowledgement without arguments it returns one null.
func (v Value) All() []Value {
	all := []Value{v.withoutRest()}
	if w, is := v.tree.(withRest); is {
		all, _ = w.rest.AppendElements(all, math.MaxInt) // WithRest checked that it is an array
	}
	return all
}
