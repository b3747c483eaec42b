package codec

import (
	"fmt"
	"math"

	"github.com/backplane-go/backplane/codec/internal/jsontext"
)

// Acked returns the first argument of an acknowledgement, given the array of all. The others are its Rest. It is null if the array
// is empty. It may share memory with the array, as Tree does. The error for anything but an array wraps ErrMalformed.
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

// WithRest returns v, the first argument of an acknowledgement, with an array of the other arguments as its Rest. If rest is not an
// array, or an empty one, v has no Rest.
func (v Value) WithRest(rest Value) Value {
	v = v.alone()
	if first, err := rest.AppendElements(nil, 1); err == nil && len(first) > 0 {
		v.tree = withRest{tree: v.tree, rest: rest.alone()}
	}
	return v
}

// withRest is what a Value with a Rest holds.
type withRest struct {
	tree any // of the Value, if it is kept in one
	rest Value
}

// alone is v without its Rest.
func (v Value) alone() Value {
	if w, is := v.tree.(withRest); is {
		v.tree = w.tree
	}
	return v
}

// Rest returns the array of the other arguments of the acknowledgement whose first argument v is, null if there are none. All other
// uses of v, such as sending it as an argument, ignore its Rest.
func (v Value) Rest() Value {
	w, _ := v.tree.(withRest)
	return w.rest
}

// All returns all arguments of the acknowledgement whose first argument v is: v and the elements of its Rest. For an acknowledgement
// without arguments that is one null.
func (v Value) All() []Value {
	all := []Value{v.alone()}
	if w, is := v.tree.(withRest); is {
		all, _ = w.rest.AppendElements(all, math.MaxInt) // WithRest has looked at it
	}
	return all
}
