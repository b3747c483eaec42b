// Package guard calls code of the application on goroutines of this library: handlers, hooks, implementations of
// interfaces, and methods of values such as MarshalJSON and Error.
//
// A panic of that code becomes a *fault.PanicError. The code may also end its goroutine with runtime.Goexit, as
// testing.T.FailNow does. That cannot be prevented, but there are two ways to survive it:
//
//   - Do, Call, All and Until call the code on the caller's goroutine. The caller has to put everything that
//     must be done after the call into deferred functions. If it empties a queue, a deferred function has to
//     start another goroutine for the rest of the queue.
//   - Isolate calls the code on another goroutine, so the caller's goroutine is not affected. It costs more, so
//     it is meant for rare calls.
package guard

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/backplane-go/backplane/fault"
)

// caught returns the error for what recover has returned. recover returns nil after runtime.Goexit.
func caught(p any) error {
	switch p := p.(type) {
	case nil:
		return fault.ErrExited
	case *fault.PanicError: // the panic of another goroutine that was passed on
		return p
	}
	return &fault.PanicError{Value: p, Stack: debug.Stack(), Opaque: fails(func() { callMethods(p) })}
}

// fails calls f on another goroutine and reports whether f panics or ends the goroutine. Unlike Isolate, it
// ignores the value of the panic.
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

// Do calls f. If f panics or ends the goroutine, Do calls failed with the error. It returns false after a panic.
// It does not return if the goroutine ends.
func Do(f func(), failed func(error)) (ok bool) {
	defer func() {
		if !ok {
			failed(caught(recover()))
		}
	}()
	f()
	return true
}

// Call calls f and returns the error of a panic. It does not return if f ends the goroutine.
func Call(f func()) (err error) {
	defer Catch(&err)
	f()
	return nil
}

// Catch has to be deferred. It sets *err to the error of a panic.
func Catch(err *error) {
	if p := recover(); p != nil {
		*err = caught(p)
	}
}

// All calls f for each element of list. If a call panics or ends the goroutine, All calls failed with the error
// and still makes the other calls. If a call ended the goroutine, All makes all calls but does not return.
func All[T any](list []T, f func(T), failed func(error)) {
	n := 0
	Until(func() {
		for n < len(list) {
			n++
			f(list[n-1])
		}
	}, func() bool { return n == len(list) }, failed)
}

// Until calls loop, and calls it again after each panic or end of the goroutine, until done returns true. It
// calls failed with each error. It replaces All in loops that must not pay for a func call per element.
func Until(loop func(), done func() bool, failed func(error)) {
	for !done() {
		attempt(loop, done, failed)
	}
}

func attempt(loop func(), done func() bool, failed func(error)) {
	returned := false
	defer func() {
		if returned {
			return
		}
		err := caught(recover())
		failed(err)
		if err == fault.ErrExited {
			Until(loop, done, failed)
		}
	}()
	loop()
	returned = true
}

// Isolate calls f on another goroutine and waits for it. It returns the error of a panic, or fault.ErrExited if
// f ended the goroutine.
func Isolate(f func()) error {
	done := make(chan error, 1)
	go func() {
		if Do(f, func(err error) { done <- err }) {
			done <- nil
		}
	}()
	return <-done
}

// Error returns err if its methods can be called. If one of them panics, as methods of a nil pointer may, or
// ends the goroutine, Error returns the error of that. All errors of the application pass through Error before
// anything else is done with them.
func Error(err error) error {
	if err == nil {
		return nil
	}
	if failed := Isolate(func() { callMethods(err) }); failed != nil {
		return failed
	}
	return err
}

// callMethods calls all methods of v that may be called later.
func callMethods(v any) {
	err, is := v.(error)
	if !is {
		_ = fmt.Sprint(v)
		return
	}
	var target *unique
	_ = err.Error()
	_ = errors.Is(err, target)
	_ = errors.As(err, &target)
}

// unique is an error type that no other package can use.
type unique struct{}

func (*unique) Error() string { return "" }
