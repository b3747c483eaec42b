// Package guard calls code that is not this library's on goroutines that are: handlers, hooks, implementations of interfaces,
// and methods of values such as MarshalJSON and Error.
//
// A panic of that code becomes a *fault.PanicError. It may also end its goroutine with runtime.Goexit, as testing.T.FailNow does, which
// cannot be stopped. There are two ways to survive that. Do and All call the code on the caller's goroutine: the caller does all
// that must be done in deferred calls; if it empties a queue, these start another goroutine for what is left. Apart calls the code on a
// goroutine of its own, and its caller is not affected. That costs more, so it is for what is called rarely.
package guard

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/backplane-go/backplane/fault"
)

// caught makes an error of what recover has returned, nil being runtime.Goexit's.
func caught(p any) error {
	switch p := p.(type) {
	case nil:
		return fault.ErrExited
	case *fault.PanicError: // of a goroutine that has passed it on
		return p
	}
	return &fault.PanicError{Value: p, Stack: debug.Stack(), Opaque: fails(func() { ask(p) })}
}

// fails reports whether f panics or ends its goroutine, which is another one. Unlike Apart it does not look at what f panics with.
func fails(f func()) bool {
	done := make(chan bool, 1)
	go func() {
		failed := true
		defer func() {
			_ = recover()
			done <- failed
		}()
		f()
		failed = false
	}()
	return <-done
}

// Do calls f. If that panics, or ends the goroutine, failed is called with the reason. It is false after a panic; it does not return
// when the goroutine ends.
func Do(f func(), failed func(error)) (ok bool) {
	defer func() {
		if !ok {
			failed(caught(recover()))
		}
	}()
	f()
	return true
}

// Call is Do that returns the error of a panic. It too does not return when the goroutine ends.
func Call(f func()) (err error) {
	defer Catch(&err)
	f()
	return nil
}

// Catch, deferred by a function, makes a panic its error.
func Catch(err *error) {
	if p := recover(); p != nil {
		*err = caught(p)
	}
}

// All calls f for each element of list. A call that panics, or ends the goroutine, keeps none of the others from being made: failed
// is told the reason. All does not return when the goroutine ends, but makes all calls first.
func All[T any](list []T, f func(T), failed func(error)) {
	n := 0
	Until(func() {
		for n < len(list) {
			n++
			f(list[n-1])
		}
	}, func() bool { return n == len(list) }, failed)
}

// Until calls run, and calls it again after each failure, until over reports that nothing is left to do. It is All for a loop whose
// time matters.
func Until(run func(), over func() bool, failed func(error)) {
	for !over() {
		attempt(run, over, failed)
	}
}

func attempt(run func(), over func() bool, failed func(error)) {
	done := false
	defer func() {
		if done {
			return
		}
		err := caught(recover())
		failed(err)
		if err == fault.ErrExited {
			Until(run, over, failed)
		}
	}()
	run()
	done = true
}

// Apart calls f on another goroutine, waits for it, and returns the error of a panic, or fault.ErrExited.
func Apart(f func()) error {
	done := make(chan error, 1)
	go func() {
		if Do(f, func(err error) { done <- err }) {
			done <- nil
		}
	}()
	return <-done
}

// Error returns err, or, if its methods panic, as those of a nil pointer may, or end the goroutine, the error of that. Every error of
// the application's passes through it before anything else is done with it.
func Error(err error) error {
	if err == nil {
		return nil
	}
	if failed := Apart(func() { ask(err) }); failed != nil {
		return failed
	}
	return err
}

// ask calls all methods of what was returned, or panicked with, that may be called later.
func ask(v any) {
	err, is := v.(error)
	if !is {
		_ = fmt.Sprint(v)
		return
	}
	var target *nobodys
	_ = err.Error()
	_ = errors.Is(err, target)
	_ = errors.As(err, &target)
}

// nobodys is a type that no other error has.
type nobodys struct{}

func (*nobodys) Error() string { return "" }
