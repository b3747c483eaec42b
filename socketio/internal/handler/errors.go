package handler

import (
	"bytes"
	"errors"
	"reflect"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/guard"
)

func missing(args codec.Args, i int, want reflect.Type) error {
	return &fault.ArgumentError{Event: args.Event(), Position: i + 1, Want: want, Got: "nothing"}
}

// decodeError returns the error for an argument that could not be decoded. A panic while decoding is not the
// sender's fault, so it stays a *fault.PanicError.
func decodeError(args codec.Args, i int, want reflect.Type, got codec.Value, err error) error {
	var p *fault.PanicError
	if err = guard.Error(err); errors.As(err, &p) {
		return p
	}
	return &fault.ArgumentError{Event: args.Event(), Position: i + 1, Want: want, Got: describe(got), Err: err}
}

// describe returns the kind of v in words.
func describe(v codec.Value) string {
	if p, ok := v.Bytes(codec.JSON); ok {
		if p = bytes.TrimLeft(p, " \t\r\n"); len(p) == 0 {
			return "nothing"
		}
		switch p[0] {
		case '"':
			return "a string"
		case '{':
			return "an object"
		case '[':
			return "an array"
		case 't', 'f':
			return "a boolean"
		case 'n':
			return "null"
		}
		return "a number"
	}
	t, err := v.Tree()
	if err != nil {
		return "what cannot be read"
	}
	switch t.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case []byte:
		return "binary data"
	case time.Time:
		return "a time"
	case []any:
		return "an array"
	case codec.Object:
		return "an object"
	}
	return "a number"
}
