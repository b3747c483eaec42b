package fault

import "github.com/backplane-go/backplane/internal/excerpt"

// PanicError is returned when code of the application panicked: a handler, a hook, an implementation of an
// interface, or a method of a value, such as MarshalJSON.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // of the goroutine that panicked, as runtime/debug.Stack formats it
	// Opaque reports that methods of Value panic too. In that case Error names Value's type and calls no method
	// of Value, and Unwrap returns nil.
	Opaque bool
}

// Error returns the value and the stack.
func (e *PanicError) Error() string { return e.Short() + "\n" + string(e.Stack) }

// Short returns the text of Error without the stack.
func (e *PanicError) Short() string {
	if e.Opaque {
		return "panic: " + excerpt.Opaque(e.Value)
	}
	return "panic: " + excerpt.Of(excerpt.Text(e.Value))
}

// Unwrap returns Value if it is an error and not Opaque.
func (e *PanicError) Unwrap() error {
	if e.Opaque {
		return nil
	}
	err, _ := e.Value.(error)
	return err
}
