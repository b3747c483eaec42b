package socketio

import (
	"reflect"
	"slices"
)

// funcList holds functions of the application in the order in which they are called. Its elements are never
// modified, so a copy can be read without the lock that guards it. Functions are kept behind pointers, because
// only pointers can be compared.
type funcList[F any] []*F

// add adds f at the end, or in front, and returns the pointer to it.
func (l *funcList[F]) add(f F, front bool) *F {
	f = notNil(f)
	if front {
		*l = append(funcList[F]{&f}, *l...)
	} else {
		*l = append(*l, &f)
	}
	return &f
}

// notNil returns f, and panics if it is nil.
func notNil[F any](f F) F {
	if reflect.ValueOf(f).IsNil() {
		panic("socketio: the func is nil")
	}
	return f
}

// drop removes the function that f points to. It returns false if the function was removed before.
func (l *funcList[F]) drop(f *F) bool {
	before := len(*l)
	*l = slices.DeleteFunc(slices.Clone(*l), func(e *F) bool { return e == f })
	return len(*l) < before
}

// funcs returns the functions.
func (l funcList[F]) funcs() []F {
	all := make([]F, 0, len(l))
	for _, f := range l {
		all = append(all, *f)
	}
	return all
}
