// Package handler calls functions of the application's with the arguments of an event, decoded to what they take.
//
// What a function takes is looked at once, when it is registered. Common shapes are called as they are, others through
// reflection. Nothing that a client sends makes a call panic; what the function itself does is the caller's affair.
package handler

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/backplane-go/backplane/codec"
)

// Handler is a function that handles events. It is safe for concurrent use, as far as the function is.
type Handler struct {
	call func(ctx context.Context, args codec.Args, ack func(values ...any)) error
}

// New looks at fn, which has to be a
//
//	func([ctx context.Context,] [args...,] [ack func(...)]) [error]
//	func([ctx context.Context,] [ack func(...),] [args...,] rest ...T) [error]
//
// Arguments are of any type that codec.Value.Decode can fill. If the last one is variadic, ack is in front of them. The
// parameters of ack are what it acknowledges with; it may be variadic too. An error says what is wrong with fn's type.
//
// An argument that did not come is an error, but for a pointer, an interface, a codec.Value and a variadic one. Surplus
// arguments are ignored, as in JavaScript, and null leaves the zero value, as in encoding/json. Where the sender wants no
// acknowledgement, ack is there and does nothing. It may be called during the call or later.
func New(fn any) (*Handler, error) {
	v := reflect.ValueOf(fn)
	switch {
	case fn == nil:
		return nil, errors.New("a handler is a func, not nil")
	case v.Kind() != reflect.Func:
		return nil, fmt.Errorf("a handler is a func, not %v", v.Type())
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
	return &Handler{s.through(v)}, nil
}

// Call decodes args and calls the function. ack is nil if the sender wants no acknowledgement; all its calls but the first are
// to mean nothing, which is for the caller to see to. An error is what the function returned; or an *ArgumentError, and the
// function was not called.
func (h *Handler) Call(ctx context.Context, args codec.Args, ack func(values ...any)) error {
	if ack == nil {
		ack = unwanted
	}
	return h.call(ctx, args, ack)
}
