package codec

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sync"
)

var (
	valueType           = reflect.TypeFor[Value]()
	argsType            = reflect.TypeFor[Args]()
	numberType          = reflect.TypeFor[json.Number]()
	marshalerType       = reflect.TypeFor[json.Marshaler]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// shape describes how to write the values of one type. It is computed once per type.
type shape struct {
	typ    reflect.Type
	form   form
	kind   reflect.Kind
	self   method // the method of typ
	addr   method // the method of *typ, which is called for addressable values; none if typ is a pointer
	elem   *shape // the element type of a pointer, slice, array or map
	fields *structFields
	flat   bool // a struct with only simple fields, and without methods that encoding/json calls
}

// form is the way in which a value is written.
type form int

const (
	formUnsupported form = 0
	formScalar      form = 1 // a boolean, an integer, a float or a string
	formNumber      form = 2 // a json.Number
	formBytes       form = 3
	formInterface   form = 4
	formPointer     form = 5
	formArray       form = 6 // an array or a slice
	formMap         form = 7
	formStruct      form = 8
	formValue       form = 9
	formArgs        form = 10
	formMethod      form = 11 // the type has a MarshalJSON or MarshalText method
)

// method is a method that encoding/json calls to write a value.
type method int

const (
	methodNone method = 0
	methodJSON method = 1 // MarshalJSON
	methodText method = 2 // MarshalText
)

// shapes caches the shape of each type.
var shapes sync.Map // reflect.Type to *shape

func shapeOf(t reflect.Type) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	made := map[reflect.Type]*shape{}
	s := newShape(t, made)
	for t, s := range made { // shapes must be complete before other goroutines see them; a type may contain itself
		shapes.LoadOrStore(t, s)
	}
	return s
}

func newShape(t reflect.Type, made map[reflect.Type]*shape) *shape {
	if known, ok := shapes.Load(t); ok {
		return known.(*shape)
	}
	if s, ok := made[t]; ok {
		return s
	}
	s := &shape{typ: t, kind: t.Kind(), self: methodOf(t)}
	made[t] = s
	if s.kind != reflect.Pointer {
		s.addr = methodOf(reflect.PointerTo(t))
	}
	switch s.kind {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64, reflect.Uintptr,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.form = formScalar
	case reflect.Interface:
		s.form = formInterface
	case reflect.Pointer:
		s.form = formPointer
	case reflect.Slice, reflect.Array:
		s.form = formArray
		if elem := t.Elem(); s.kind == reflect.Slice && elem.Kind() == reflect.Uint8 &&
			methodOf(reflect.PointerTo(elem)) == methodNone {
			s.form = formBytes
		}
	case reflect.Map:
		s.form = formMap
	case reflect.Struct:
		s.form = formStruct
		s.fields = newStructFields(t, made)
		s.flat = s.fields.flat && !decodesItself(t) && s.addr == methodNone
	}
	switch s.form {
	case formPointer, formArray, formMap:
		s.elem = newShape(t.Elem(), made)
	}
	switch {
	case t == valueType:
		s.form, s.addr = formValue, methodNone
	case t == argsType:
		s.form, s.addr = formArgs, methodNone
	case t == numberType:
		s.form = formNumber
	case s.self != methodNone:
		s.form = formMethod
	}
	return s
}

// methodOf returns the method that encoding/json calls to write a value of type t.
func methodOf(t reflect.Type) method {
	switch {
	case t.Implements(marshalerType):
		return methodJSON
	case t.Implements(textMarshalerType):
		return methodText
	}
	return methodNone
}

// decodesItself reports whether encoding/json calls a method of *t to read a value.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(unmarshalerType) || p.Implements(textUnmarshalerType)
}
