package handler

import (
	"bytes"
	"reflect"
	"strconv"

	"github.com/backplane-go/backplane/codec"
)

// decoderOf returns a func that decodes an argument to type t. For the most common types it does not use
// encoding/json.
func decoderOf(t reflect.Type) func(codec.Value) (reflect.Value, error) {
	switch t {
	case valueType:
		return func(v codec.Value) (reflect.Value, error) { return reflect.ValueOf(v), nil }
	case reflect.TypeFor[string]():
		return viaReflection(decodeString)
	case reflect.TypeFor[int]():
		return viaReflection(decodeInt)
	case reflect.TypeFor[float64]():
		return viaReflection(decodeFloat)
	case reflect.TypeFor[bool]():
		return viaReflection(decodeBool)
	}
	return func(v codec.Value) (reflect.Value, error) {
		into := reflect.New(t)
		err := v.Decode(into.Interface())
		return into.Elem(), err
	}
}

func viaReflection[T any](decode func(codec.Value) (T, error)) func(codec.Value) (reflect.Value, error) {
	return func(v codec.Value) (reflect.Value, error) {
		out, err := decode(v)
		return reflect.ValueOf(out), err
	}
}

func decode[T any](v codec.Value) (T, error) {
	var out T
	err := v.Decode(&out)
	return out, err
}

func decodeValue(v codec.Value) (codec.Value, error) { return v, nil }

func decodeString(v codec.Value) (string, error) {
	if p, ok := v.Bytes(codec.JSON); ok && len(p) >= 2 && p[0] == '"' && p[len(p)-1] == '"' {
		if text := p[1 : len(p)-1]; bytes.IndexByte(text, '\\') < 0 {
			return string(text), nil
		}
	}
	return decode[string](v)
}

func decodeInt(v codec.Value) (int, error) {
	if p, ok := v.Bytes(codec.JSON); ok {
		if n, err := strconv.Atoi(string(p)); err == nil {
			return n, nil
		}
	}
	return decode[int](v)
}

func decodeFloat(v codec.Value) (float64, error) {
	if p, ok := v.Bytes(codec.JSON); ok && len(p) > 0 && (p[0] == '-' || '0' <= p[0] && p[0] <= '9') {
		if f, err := strconv.ParseFloat(string(p), 64); err == nil {
			return f, nil
		}
	}
	return decode[float64](v)
}

func decodeBool(v codec.Value) (bool, error) {
	if p, ok := v.Bytes(codec.JSON); ok {
		switch string(p) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return decode[bool](v)
}
