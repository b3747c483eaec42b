package codec

import (
	"runtime/debug"

	"github.com/backplane-go/backplane/internal/guard"
)

// PanicError is the error of a panic in the application's code: in a method of a value, such as MarshalJSON or UnmarshalText, and, in
// the packages above this one, in a handler, a hook or an implementation of an interface.
type PanicError struct {
	// Value is what panic was called with.
	Value any
	// Stack is the stack of the goroutine that panicked, as runtime/debug.Stack formats it.
	Stack []byte

	unusable bool // a method of Value panics or ends its goroutine
}

func init() {
	guard.PanicError = func(value any, unusable bool) error {
		if p, is := value.(*PanicError); is {
			return p // another goroutine panicked, and its panic was passed on: keep the first stack
		}
		return &PanicError{Value: value, Stack: debug.Stack(), unusable: unusable}
	}
}

// Error returns the value and the stack.
func (e *PanicError) Error() string { return e.Short() + "\n" + string(e.Stack) }

// Short returns the text of Error without the stack.
func (e *PanicError) Short() string { return guard.Describe(e.Value, e.unusable) }

// Unwrap returns Value if it is an error whose methods can be called, and nil otherwise.
func (e *PanicError) Unwrap() error {
	if e.unusable {
		return nil
	}
	err, _ := e.Value.(error)
	return err
}
