package socketio

import (
	"reflect"
	"slices"
)

// funcList are funcs of the application's, in the order in which they are called. A list grows behind its end, and changes
// otherwise by being replaced, so that it can be gone through without the lock that guards it. Funcs cannot be compared, but where
// they are kept can.
type funcList[F any] []*F

// add puts f at the end, or in front, and returns where it is kept.
func (l *funcList[F]) add(f F, front bool) *F {
	f = given(f)
	if front {
		*l = append(funcList[F]{&f}, *l...)
	} else {
		*l = append(*l, &f)
	}
	return &f
}

// given panics if f, which the application wants to be called, is nil.
func given[F any](f F) F {
	if reflect.ValueOf(f).IsNil() {
		panic("socketio: a func to be called is nil")
	}
	return f
}

// drop takes out what is kept at f. It is false if that is not there any more.
func (l *funcList[F]) drop(f *F) bool {
	before := len(*l)
	*l = slices.DeleteFunc(slices.Clone(*l), func(e *F) bool { return e == f })
	return len(*l) < before
}

// funcs returns the funcs.
func (l funcList[F]) funcs() []F {
	all := make([]F, 0, len(l))
	for _, f := range l {
		all = append(all, *f)
	}
	return all
}
