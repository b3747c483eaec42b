package codec

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
)

// PanicError is the error of a value whose MarshalJSON, MarshalText, UnmarshalJSON or the like panicked.
type PanicError = fault.PanicError

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
func encodeValue(v any) (out Value, err error) {
	defer guard.Catch(&err)
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
	w := newJSONWriter()
	defer w.release()
	if err := w.value(v, maxUserDepth); err != nil {
		return Value{}, err
	}
	return w.result(), nil
}

// AppendJSON appends to dst what NewValue(v) is as JSON. binary: it holds bytes, so it cannot be JSON; dst is as it was.
func AppendJSON(dst []byte, v any) (out []byte, binary bool, err error) {
	out, binary, err = appendValue(dst, v)
	if err != nil {
		return dst, false, encodeError(err)
	}
	return out, binary, nil
}

func appendValue(dst []byte, v any) (out []byte, binary bool, err error) {
	defer guard.Catch(&err)
	if binary, err = holdsBytes(v); binary || err != nil {
		return dst, binary, err
	}
	w := newJSONWriter()
	own := w.p
	w.p = dst
	defer func() {
		w.p = own
		w.release()
	}()
	err = w.value(v, maxUserDepth)
	return w.p, false, err
}

// encodeError is err, if there is one, about a value that stands alone.
func encodeError(err error) error {
	if err == nil {
		return nil
	}
	return &EncodeError{Arg: -1, Err: guard.Error(err)}
}

// encodeArgs encodes an event's array. w holds what it begins with: JSON without the closing bracket, or, where that is
// empty, tree is what it begins with.
func (w *jsonWriter) encodeArgs(tree func() ([]any, error), args []any) (Value, error) {
	at := 0
	v, err := w.encodeList(tree, args, &at)
	if err != nil {
		return Value{}, &EncodeError{Arg: at, Err: guard.Error(err)}
	}
	return v, nil
}

// encodeList is encodeArgs. at is the index of the argument that is being encoded.
func (w *jsonWriter) encodeList(tree func() ([]any, error), args []any, at *int) (v Value, err error) {
	defer guard.Catch(&err)
	binary := len(w.p) == 0
	for i, arg := range args {
		*at = i
		found, err := holdsBytes(arg)
		if err != nil {
			return Value{}, err
		}
		binary = binary || found
	}
	if binary {
		return encodeArgTree(tree, args, at)
	}
	for i, arg := range args {
		*at = i
		w.p = append(w.p, ',')
		if err := w.value(arg, maxUserDepth); err != nil {
			return Value{}, err
		}
	}
	w.p = append(w.p, ']')
	return w.result(), nil
}

func encodeArgTree(tree func() ([]any, error), args []any, at *int) (Value, error) {
	before, err := tree()
	if err != nil {
		return Value{}, err
	}
	list := append(make([]any, 0, len(before)+len(args)), before...)
	for i, arg := range args {
		*at = i
		t, err := encodeTree(arg)
		if err != nil {
			return Value{}, err
		}
		list = append(list, t)
	}
	return FromTree(list), nil
}

// shift makes an error about an argument count the n arguments before it.
func shift(err error, n int) error {
	var enc *EncodeError
	if errors.As(err, &enc) {
		enc.Arg += n
	}
	return err
}
