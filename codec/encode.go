package codec

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
)

// PanicError is the error of a value whose MarshalJSON, MarshalText, UnmarshalJSON or a similar method panicked.
type PanicError = fault.PanicError

// EncodeError names the value that could not be encoded.
type EncodeError struct {
	// Arg is the index of the argument, not counting the event. It is -1 if there is only one value.
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

var errTooDeep = fmt.Errorf("%w, or cyclic", ErrDepth)

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

// AppendJSON appends to dst the JSON that NewValue(v) would hold. binary reports that v holds bytes and cannot be
// JSON; dst is then returned unchanged, as after an error.
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

// encodeError wraps an error about a single value. It returns nil for nil.
func encodeError(err error) error {
	if err == nil {
		return nil
	}
	return &EncodeError{Arg: -1, Err: guard.Error(err)}
}

// encodeArgs appends args to an event's array. w holds the array so far, without the closing bracket.
func (w *jsonWriter) encodeArgs(args []any) (Value, error) {
	at := 0
	if err := w.arguments(args, &at); err != nil {
		return Value{}, &EncodeError{Arg: at, Err: guard.Error(err)}
	}
	w.p = append(w.p, ']')
	return w.result(), nil
}

// arguments writes args. It sets at to the index of the argument that it is writing.
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

// shiftArg adds n, the number of preceding arguments, to the index in an EncodeError.
func shiftArg(err error, n int) error {
	var enc *EncodeError
	if errors.As(err, &enc) {
		enc.Arg += n
	}
	return err
}
