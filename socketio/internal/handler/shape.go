package handler

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/backplane-go/backplane/codec"
)

var (
	contextType         = reflect.TypeFor[context.Context]()
	errorType           = reflect.TypeFor[error]()
	valueType           = reflect.TypeFor[codec.Value]()
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// shape describes the type of a handler.
type shape struct {
	ctx          bool
	params       []param
	rest         *param // variadic handler: the type of each argument after params
	ack          func(send func(values ...any)) reflect.Value
	ackFirst     bool // ack precedes the arguments, because the last parameter is variadic
	returnsError bool // it returns an error
}

// param is a parameter that an argument is decoded to.
type param struct {
	typ      reflect.Type
	optional bool // the argument may be missing
	decode   func(codec.Value) (reflect.Value, error)
}

// shapes caches the results of shapeOf, because the same functions are registered for every socket.
var shapes sync.Map // reflect.Type to *shape

func shapeOf(t reflect.Type) (*shape, error) {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape), nil
	}
	s, err := inspect(t)
	if err != nil {
		return nil, err
	}
	known, _ := shapes.LoadOrStore(t, s)
	return known.(*shape), nil
}

func inspect(t reflect.Type) (*shape, error) {
	var s shape
	switch {
	case t.NumOut() > 1:
		return nil, errors.New("it returns more than one result; a handler returns an error or nothing")
	case t.NumOut() == 1 && t.Out(0) != errorType:
		return nil, fmt.Errorf("it returns %v; a handler returns an error or nothing", t.Out(0))
	}
	s.returnsError = t.NumOut() == 1
	first, end := 0, t.NumIn()
	if end > 0 && t.In(0) == contextType {
		s.ctx = true
		first = 1
	}
	ack := end - 1 // its position, if there is one
	if t.IsVariadic() {
		ack = first
	}
	if first < end && t.In(ack).Kind() == reflect.Func {
		if s.ackFirst = t.IsVariadic(); s.ackFirst {
			first++
		} else {
			end--
		}
		var err error
		if s.ack, err = ackOf(t.In(ack)); err != nil {
			return nil, fmt.Errorf("parameter %d: %w", ack+1, err)
		}
	}
	if t.IsVariadic() {
		end--
		rest, err := paramOf(t.In(end).Elem())
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w", end+1, err)
		}
		s.rest = &rest
	}
	for i := first; i < end; i++ {
		p, err := paramOf(t.In(i))
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
		s.params = append(s.params, p)
	}
	return &s, nil
}

func paramOf(t reflect.Type) (param, error) {
	switch {
	case t == contextType:
		return param{}, errors.New("a context must be the first parameter")
	case t.Kind() == reflect.Func:
		return param{}, errors.New("a handler can have one func parameter, the acknowledgement: it must be the last " +
			"parameter or, in a variadic handler, the first one after the context")
	}
	if err := decodable(t, map[reflect.Type]bool{}); err != nil {
		return param{}, err
	}
	optional := t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface || t == valueType
	return param{typ: t, optional: optional, decode: decoderOf(t)}, nil
}

// decodable returns an error for a type that no argument can be decoded to. It does not inspect the fields of
// structs: an application's struct may have fields that no sender names.
func decodable(t reflect.Type, visited map[reflect.Type]bool) error {
	if visited[t] || t == valueType {
		return nil
	}
	visited[t] = true
	if p := reflect.PointerTo(t); t.Kind() != reflect.Interface &&
		(p.Implements(unmarshalerType) || p.Implements(textUnmarshalerType)) {
		return nil
	}
	switch t.Kind() {
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return fmt.Errorf("no argument can be decoded to the interface %v", t)
		}
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return fmt.Errorf("no argument can be decoded to a %v", t)
	case reflect.Map:
		if k := t.Key(); !isKey(k) {
			return fmt.Errorf("no argument can be decoded to a %v: its keys cannot come from JSON", t)
		}
		return decodable(t.Elem(), visited)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return decodable(t.Elem(), visited)
	}
	return nil
}

// isKey reports whether encoding/json can decode map keys to t.
func isKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	}
	return reflect.PointerTo(t).Implements(textUnmarshalerType)
}
