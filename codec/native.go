package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// EncodeError says which value could not be encoded.
type EncodeError struct {
	// Arg is the index of the argument, the event not counted, -1 if there is only one value.
	Arg int
	Err error
}

func (e *EncodeError) Error() string {
	if e.Arg < 0 {
		return fmt.Sprintf("codec: cannot encode: %v", e.Err)
	}
	return fmt.Sprintf("codec: cannot encode argument %d: %v", e.Arg, e.Err)
}

func (e *EncodeError) Unwrap() error { return e.Err }

func encodeValue(v any) (Value, error) {
	p, err := appendNative(nil, v)
	if err != nil {
		return Value{}, err
	}
	return Raw(JSON, p), nil
}

func appendNative(dst []byte, v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return dst, err
	}
	return append(dst, bytes.TrimSpace(buf.Bytes())...), nil
}

// appendArgs ends the array that p begins with args.
func appendArgs(p []byte, args []any) (Value, error) {
	var err error
	for i, arg := range args {
		p = append(p, ',')
		if p, err = appendNative(p, arg); err != nil {
			return Value{}, &EncodeError{Arg: i, Err: err}
		}
	}
	return Raw(JSON, append(p, ']')), nil
}

func appendArgTrees(list []any, args []any) (Value, error) {
	out := append(make([]any, 0, len(list)+len(args)), list...)
	for i, arg := range args {
		v, err := encodeValue(arg)
		if err != nil {
			return Value{}, &EncodeError{Arg: i, Err: err}
		}
		t, err := v.Tree()
		if err != nil {
			return Value{}, &EncodeError{Arg: i, Err: err}
		}
		out = append(out, t)
	}
	return FromTree(out), nil
}
