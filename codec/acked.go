package codec

import (
	"fmt"
	"math"

	"github.com/backplane-go/backplane/codec/internal/jsontext"
)

// Acked makes one Value of the arguments of an acknowledgement, an array: its first element, null if there is none, with
// the others behind it. Like Tree, it may share memory with the array. Anything but an array is an error that wraps ErrMalformed.
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
		return Value{}, malformedJSON(err)
	}
	comma := jsontext.Space(p, end)
	return first.WithRest(Raw(JSON, append([]byte{'['}, p[comma+1:]...))), nil
}

// WithRest returns v with rest behind it: an array of the other arguments of the acknowledgement whose first argument v is.
// Null, an empty array, and what is no array are no rest.
func (v Value) WithRest(rest Value) Value {
	v = v.alone()
	if first, err := rest.AppendElements(nil, 1); err == nil && len(first) > 0 {
		v.tree = withRest{tree: v.tree, rest: rest.alone()}
	}
	return v
}

// withRest is what is in a Value that something is behind.
type withRest struct {
	tree any // of the Value, if it is kept in one
	rest Value
}

// alone is v without what is behind it.
func (v Value) alone() Value {
	if w, is := v.tree.(withRest); is {
		v.tree = w.tree
	}
	return v
}

// Rest returns the array of what is behind v, null if nothing is. Whatever else is done with v, such as sending it on as an
// argument, is done without its rest.
func (v Value) Rest() Value {
	w, _ := v.tree.(withRest)
	return w.rest
}

// All returns all arguments of an acknowledgement: v, which is the first, and those behind it. Any other Value is alone. So is
// null when an acknowledgement has no arguments.
func (v Value) All() []Value {
	all := []Value{v.alone()}
	if w, is := v.tree.(withRest); is {
		all, _ = w.rest.AppendElements(all, math.MaxInt) // WithRest has looked at it
	}
	return all
}
