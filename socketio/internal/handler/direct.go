package handler

import (
	"context"
	"reflect"

	"github.com/backplane-go/backplane/codec"
)

// direct returns a func that calls fn without reflection. It returns nil if fn has no common type.
func direct(fn any) caller {
	switch fn := fn.(type) {
	case func():
		return func(context.Context, codec.Args, func(...any)) error {
			fn()
			return nil
		}
	case func(func()):
		return func(_ context.Context, _ codec.Args, ack func(...any)) error {
			fn(ackNothing(ack))
			return nil
		}
	case func(codec.Value):
		return direct1(fn, true, decodeValue)
	case func(string):
		return direct1(fn, false, decodeString)
	case func(codec.Value, func()):
		return direct2(fn, true, decodeValue, ackNothing)
	case func(codec.Value, func(codec.Value)):
		return direct2(fn, true, decodeValue, ackOne[codec.Value])
	case func(codec.Value, func(any)):
		return direct2(fn, true, decodeValue, ackOne[any])
	case func(string, func()):
		return direct2(fn, false, decodeString, ackNothing)
	case func(string, func(string)):
		return direct2(fn, false, decodeString, ackOne[string])
	case func(string, func(any)):
		return direct2(fn, false, decodeString, ackOne[any])
	}
	return nil
}

func direct1[T any](fn func(T), optional bool, decode func(codec.Value) (T, error)) caller {
	return func(_ context.Context, args codec.Args, _ func(...any)) error {
		v, err := first(args, optional, decode)
		if err == nil {
			fn(v)
		}
		return err
	}
}

func direct2[T, A any](fn func(T, A), optional bool, decode func(codec.Value) (T, error),
	toAck func(func(...any)) A) caller {
	return func(_ context.Context, args codec.Args, ack func(...any)) error {
		v, err := first(args, optional, decode)
		if err == nil {
			fn(v, toAck(ack))
		}
		return err
	}
}

// first decodes the first argument.
func first[T any](args codec.Args, optional bool, decode func(codec.Value) (T, error)) (T, error) {
	var buf [1]codec.Value
	var v T
	values, err := args.AppendValues(buf[:0], 1)
	switch {
	case err != nil:
		return v, err
	case len(values) > 0:
		if v, err = decode(values[0]); err != nil {
			err = decodeError(args, 0, reflect.TypeFor[T](), values[0], err)
		}
	case !optional:
		err = missing(args, 0, reflect.TypeFor[T]())
	}
	return v, err
}
