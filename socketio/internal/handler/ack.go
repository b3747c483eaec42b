package handler

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/backplane-go/backplane/codec"
)

// noAck is the ack of an event whose sender wants none.
func noAck(...any) {}

// ackOf returns a func that converts a func that sends an acknowledgement to an ack parameter of type t.
func ackOf(t reflect.Type) (func(send func(values ...any)) reflect.Value, error) {
	if t.NumOut() > 0 {
		return nil, fmt.Errorf("%v is an acknowledgement, which cannot return anything", t)
	}
	for i := range t.NumIn() {
		if k := t.In(i).Kind(); k == reflect.Func || k == reflect.Chan {
			return nil, errors.New("an acknowledgement cannot have a func or a channel as a value")
		}
	}
	switch t {
	case reflect.TypeFor[func()]():
		return func(send func(...any)) reflect.Value { return reflect.ValueOf(ackNothing(send)) }, nil
	case reflect.TypeFor[func(...any)]():
		return func(send func(...any)) reflect.Value { return reflect.ValueOf(send) }, nil
	case reflect.TypeFor[func(any)]():
		return ackReflected[any](), nil
	case reflect.TypeFor[func(codec.Value)]():
		return ackReflected[codec.Value](), nil
	case reflect.TypeFor[func(string)]():
		return ackReflected[string](), nil
	case reflect.TypeFor[func(bool)]():
		return ackReflected[bool](), nil
	case reflect.TypeFor[func(int)]():
		return ackReflected[int](), nil
	}
	return func(send func(...any)) reflect.Value {
		return reflect.MakeFunc(t, func(in []reflect.Value) []reflect.Value {
			send(values(t, in)...)
			return nil
		})
	}, nil
}

// values returns the arguments of a func of type t, with variadic arguments one by one.
func values(t reflect.Type, in []reflect.Value) []any {
	var rest reflect.Value
	if t.IsVariadic() {
		rest = in[len(in)-1]
		in = in[:len(in)-1]
	}
	out := make([]any, 0, len(in))
	for _, v := range in {
		out = append(out, v.Interface())
	}
	if rest.IsValid() {
		for i := range rest.Len() {
			out = append(out, rest.Index(i).Interface())
		}
	}
	return out
}

func ackNothing(send func(...any)) func() { return func() { send() } }

func ackOne[T any](send func(...any)) func(T) { return func(v T) { send(v) } }

func ackReflected[T any]() func(send func(...any)) reflect.Value {
	return func(send func(...any)) reflect.Value { return reflect.ValueOf(ackOne[T](send)) }
}
