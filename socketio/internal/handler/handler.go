// Package handler calls an application's functions with the arguments of an event, decoded to the types of the
// parameters.
//
// A function's type is inspected once, when the function is registered. Functions of common types are called
// directly, others by reflection. Nothing that a client sends makes a call panic. A panic of the function itself
// is left to the caller.
//
// # Files
//
//   - handler.go: Handler, and which functions can be one
//   - shape.go: inspection of a function's type
//   - call.go: calls by reflection
//   - direct.go: calls without reflection
//   - decode.go: arguments to Go values
//   - ack.go: a function's acknowledgement parameter
//   - errors.go: errors about arguments
package handler

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/backplane-go/backplane/codec"
)

// Handler is a function that handles events. It is safe for concurrent use if the function is.
type Handler struct{ call caller }

// caller calls a function with the arguments of an event.
type caller func(ctx context.Context, args codec.Args, ack func(values ...any)) error

// New returns a Handler for fn, which must be a
//
//	func([ctx context.Context,] [args...,] [ack func(...)]) [error]
//	func([ctx context.Context,] [ack func(...),] [args...,] rest ...T) [error]
//
// An argument can have any type that codec.Value.Decode can fill. If the last argument is variadic, ack precedes
// the arguments. The parameters of ack are the values of the acknowledgement; ack may be variadic. An error says
// what is wrong with the type of fn.
//
// A missing argument is an error, unless the parameter is a pointer, an interface, a codec.Value or variadic.
// Surplus arguments are ignored, as in JavaScript. null leaves the zero value, as in encoding/json. If the sender
// wants no acknowledgement, ack does nothing. ack may be called during the call or later.
func New(fn any) (*Handler, error) {
	v := reflect.ValueOf(fn)
	switch {
	case fn == nil:
		return nil, errors.New("a handler must be a func, not nil")
	case v.Kind() != reflect.Func:
		return nil, fmt.Errorf("a handler must be a func, not %v", v.Type())
	case v.IsNil():
		return nil, fmt.Errorf("the handler, a %v, is nil", v.Type())
	}
	s, err := shapeOf(v.Type())
	if err != nil {
		return nil, fmt.Errorf("a %v cannot be a handler: %w", v.Type(), err)
	}
	if call := direct(fn); call != nil {
		return &Handler{call}, nil
	}
	return &Handler{s.reflected(v)}, nil
}

// Call decodes args and calls the function. ack is nil if the sender wants no acknowledgement; otherwise the
// caller makes sure that only its first call has an effect. Call returns the function's error, or an
// *ArgumentError if an argument could not be decoded; the function was not called then.
func (h *Handler) Call(ctx context.Context, args codec.Args, ack func(values ...any)) error {
	if ack == nil {
		ack = noAck
	}
	return h.call(ctx, args, ack)
}
