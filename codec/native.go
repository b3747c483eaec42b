package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"github.com/backplane-go/backplane/codec/internal/jsontext"
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

var errTooDeep = fmt.Errorf("%w, or contains itself", ErrDepth)

// encodeValue encodes a value of a user's. Nearly all of them hold no bytes, so that encoding/json can do the work.
func encodeValue(v any) (Value, error) {
	switch v := v.(type) {
	case Value:
		return v, nil
	case Args:
		return v.v, nil
	}
	binary, err := holdsBytes(v)
	if err != nil {
		return Value{}, err
	}
	if binary {
		t, err := encodeTree(v)
		return FromTree(t), err
	}
	p, err := appendNative(nil, v)
	if err != nil {
		return Value{}, err
	}
	return Raw(JSON, p), nil
}

// encodeArgs encodes an event's array. before is what it begins with: JSON without the closing bracket, or, where that
// is nil, a tree.
func encodeArgs(before []byte, tree func() ([]any, error), args []any) (Value, error) {
	binary := before == nil
	for i, arg := range args {
		found, err := holdsBytes(arg)
		if err != nil {
			return Value{}, &EncodeError{Arg: i, Err: err}
		}
		binary = binary || found
	}
	if binary {
		return encodeArgTree(tree, args)
	}
	p := before
	for i, arg := range args {
		p = append(p, ',')
		var err error
		if p, err = appendNative(p, arg); err != nil {
			return Value{}, &EncodeError{Arg: i, Err: err}
		}
	}
	return Raw(JSON, append(p, ']')), nil
}

func encodeArgTree(tree func() ([]any, error), args []any) (Value, error) {
	before, err := tree()
	if err != nil {
		return Value{}, err
	}
	list := append(make([]any, 0, len(before)+len(args)), before...)
	for i, arg := range args {
		t, err := encodeTree(arg)
		if err != nil {
			return Value{}, &EncodeError{Arg: i, Err: err}
		}
		list = append(list, t)
	}
	return FromTree(list), nil
}

// appendNative appends a value that holds no bytes as JSON.stringify would write it.
func appendNative(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return jsontext.AppendString(dst, v), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return appendFloat(dst, v), nil
		}
	case Value:
		return v.AppendJSON(dst)
	case Args:
		return v.AppendJSON(dst)
	}
	e := jsonEncoders.Get().(*jsonEncoder)
	defer e.release()
	if err := e.enc.Encode(v); err != nil {
		return dst, err
	}
	p := e.buf.Bytes()
	p = p[:len(p)-1] // without the newline that Encode ends with
	if jsontext.Deeper(p, maxUserDepth) {
		return dst, errTooDeep
	}
	// What a json.Marshaler returns has been checked, but for its UTF-8.
	return jsontext.AppendUnescaped(dst, jsontext.ValidUTF8(p)), nil
}

// jsonEncoder is encoding/json's without its escapes for HTML.
type jsonEncoder struct {
	buf bytes.Buffer
	enc *json.Encoder
}

var jsonEncoders = sync.Pool{New: func() any {
	e := &jsonEncoder{}
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false)
	return e
}}

// maxIdle is the largest buffer that an encoder at rest keeps.
const maxIdle = 64 << 10

func (e *jsonEncoder) release() {
	e.buf.Reset()
	if e.buf.Cap() <= maxIdle {
		jsonEncoders.Put(e)
	}
}

// shift makes an error about an argument count the n arguments before it.
func shift(err error, n int) error {
	var enc *EncodeError
	if errors.As(err, &enc) {
		enc.Arg += n
	}
	return err
}
