package socketio

import (
	"reflect"
	"slices"
)

// funcList holds funcs of the application's, in the order in which they are called. It is appended to, or else
// replaced, so a copy of it can be read without the lock that guards it. Funcs cannot be compared, so each is
// kept behind a pointer, which can be.
type funcList[F any] []*F

// add puts f at the end, or in front, and returns the pointer to it.
func (l *funcList[F]) add(f F, front bool) *F {
	f = notNil(f)
	if front {
		*l = append(funcList[F]{&f}, *l...)
	} else {
		*l = append(*l, &f)
	}
	return &f
}

// notNil returns f, a func of the application's, and panics if it is nil.
func notNil[F any](f F) F {
	if reflect.ValueOf(f).IsNil() {
		panic("socketio: a func to be called is nil")
	}
	return f
}

// drop removes the func that f points to. It is false if that is not there any more.
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
