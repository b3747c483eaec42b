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

func encodeValue(v any) (out Value, err error) {
	defer guard.Catch(&err)
	switch v := v.(type) {
	case Value:
		return v, nil
	case Args:
		return v.v, nil
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
	w := newJSONWriter()
	own := w.p
	defer func() {
		w.p = own
		w.release()
	}()
	w.p, w.refuse = dst, true
	err = w.guarded(v)
	switch {
	case w.binary:
		return dst, true, nil
	case err != nil:
		return dst, false, encodeError(err)
	}
	return w.p, false, nil
}

func (w *jsonWriter) guarded(v any) (err error) {
	defer guard.Catch(&err)
	return w.value(v, maxUserDepth)
}

// encodeError is err, if there is one, about a value that stands alone.
func encodeError(err error) error {
	if err == nil {
		return nil
	}
	return &EncodeError{Arg: -1, Err: guard.Error(err)}
}

// encodeArgs appends args to an event's array, of which w holds all but the closing bracket.
func (w *jsonWriter) encodeArgs(args []any) (Value, error) {
	at := 0
	if err := w.arguments(args, &at); err != nil {
		return Value{}, &EncodeError{Arg: at, Err: guard.Error(err)}
	}
	w.p = append(w.p, ']')
	return w.result(), nil
}

// arguments writes args. at is the index of the one that is being written.
func (w *jsonWriter) arguments(args []any, at *int) (err error) {
	defer guard.Catch(&err)
	for i, arg := range args {
		*at = i
		w.p = append(w.p, ',')
		if err := w.value(arg, maxUserDepth); err != nil {
			return err
		}
	}
	return nil
}

// shift makes an error about an argument count the n arguments before it.
func shift(err error, n int) error {
	var enc *EncodeError
	if errors.As(err, &enc) {
		enc.Arg += n
	}
	return err
}
