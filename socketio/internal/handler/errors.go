package handler

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/guard"
)

// ArgumentError says which argument of an event does not suit the handler.
type ArgumentError struct {
	Event    string
	Position int          // of the argument, the first one's being 1
	Want     reflect.Type // of the handler's parameter
	Got      string       // what came: "a number"; "nothing" if no argument came
	Err      error        // the decoder's, nil if no argument came
}

func (e *ArgumentError) Error() string {
	text := fmt.Sprintf("argument %d of %q: want %v, got %s", e.Position, excerpt.Of(e.Event), e.Want, e.Got)
	if e.Err != nil {
		text += ": " + excerpt.Of(e.Err.Error())
	}
	return text
}

func (e *ArgumentError) Unwrap() error { return e.Err }

func missing(args codec.Args, i int, want reflect.Type) error {
	return &ArgumentError{Event: args.Event(), Position: i + 1, Want: want, Got: "nothing"}
}

// unfit is the error of an argument that could not be decoded: a panic is no fault of who sent it.
func unfit(args codec.Args, i int, want reflect.Type, got codec.Value, err error) error {
	var p *fault.PanicError
	if err = guard.Error(err); errors.As(err, &p) {
		return p
	}
	return &ArgumentError{Event: args.Event(), Position: i + 1, Want: want, Got: kind(got), Err: err}
}

// kind says in words what v is.
func kind(v codec.Value) string {
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
