package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

func TestRefusedHandlerTypes(t *testing.T) {
	for _, c := range []struct {
		fn   any
		want string
	}{
		{nil, "not nil"},
		{42, "not int"},
		{(func())(nil), "the handler, a func(), is nil"},
		{func() string { return "" }, "returns string"},
		{func() (int, error) { return 0, nil }, "more than one result"},
		{func() *fault.ArgumentError { return nil }, "returns *fault.ArgumentError"},
		{func(string, context.Context) {}, "parameter 2: a context must be the first parameter"},
		{func(context.Context, context.Context) {}, "parameter 2"},
		{func(...context.Context) {}, "parameter 1"},
		{func(chan int) {}, "parameter 1: no argument can be decoded to a chan int"},
		{func(string, []chan int) {}, "parameter 2: no argument can be decoded to a chan int"},
		{func(*complex128) {}, "complex128"},
		{func(map[string]func()) {}, "func()"},
		{func(map[point]int) {}, "keys"},
		{func(map[float64]int) {}, "keys"},
		{func([3]error) {}, "interface error"},
		{func(io.Reader) {}, "parameter 1: no argument can be decoded to the interface io.Reader"},
		{func(json.Unmarshaler) {}, "json.Unmarshaler"},
		{func(func(), string) {}, "parameter 1: a handler can have one func parameter"},
		{func(func(), func()) {}, "parameter 1"},
		{func(string, func(), ...string) {}, "parameter 2: a handler can have one func parameter"},
		{func(func(), func(), ...string) {}, "parameter 2"},
		{func(func(), ...func()) {}, "parameter 2"},
		{func(func() error, ...string) {},
			"parameter 1: func() error is an acknowledgement, which cannot return anything"},
		{func(...func()) {}, "parameter 1"},
		{func(func() error) {}, "parameter 1: func() error is an acknowledgement, which cannot return anything"},
		{func(func(func())) {}, "parameter 1: an acknowledgement cannot have a func or a channel as a value"},
		{func(func(chan int)) {}, "parameter 1"},
	} {
		h, err := handler.New(c.fn)
		require.Error(t, err, "%T", c.fn)
		assert.Nil(t, h)
		assert.Contains(t, err.Error(), c.want, "%T", c.fn)
		if k := reflect.TypeOf(c.fn); k != nil && k.Kind() == reflect.Func {
			assert.Contains(t, err.Error(), k.String(), "the error must name the type of the handler")
		}
	}
}

type (
	endless  []endless
	endless2 *endless2
	endless3 map[string]endless3
)

func TestTypesThatContainThemselves(t *testing.T) {
	for _, fn := range []any{func(endless) {}, func(endless2) {}, func(endless3) {}, func(struct{ Next *point }) {}} {
		_, err := handler.New(fn)
		require.NoError(t, err, "%T", fn)
	}
}

func TestArgumentsThatDoNotFit(t *testing.T) {
	bin := []byte{1}
	for _, c := range []struct {
		fn   any
		args []any
		want string
	}{
		{func(string) {}, nil, `argument 1 of "ev": want string, got nothing`},
		{func(string) {}, []any{1},
			`argument 1 of "ev": want string, got a number: json: cannot unmarshal number into Go value of type string`},
		{func(string) {}, []any{bin},
			`argument 1 of "ev": want string, got binary data: json: cannot unmarshal bytes into Go value of type string`},
		{func(string, func(string)) {}, nil, `argument 1 of "ev": want string, got nothing`},
		{func(string, func(string)) {}, []any{true}, `argument 1 of "ev": want string, got a boolean`},
		{func(int, point) {}, []any{1}, `argument 2 of "ev": want handler_test.point, got nothing`},
		{func(int, point) {}, []any{1, "a"}, `argument 2 of "ev": want handler_test.point, got a string`},
		{func(int, point) {}, []any{1, map[string]any{"n": 1}},
			`argument 2 of "ev": want handler_test.point, got an object: json: cannot unmarshal number into Go struct field point.n of type string`},
		{func(context.Context, int) {}, []any{"1"}, `argument 1 of "ev": want int, got a string`},
		{func(int) {}, []any{1.5}, `want int, got a number`},
		{func(int8) {}, []any{1000}, `want int8, got a number`},
		{func(uint) {}, []any{-1}, `want uint, got a number`},
		{func(float64) {}, []any{"1"}, `want float64, got a string`},
		{func(bool) {}, []any{[]int{}}, `want bool, got an array`},
		{func(*point) {}, []any{1}, `want *handler_test.point, got a number`},
		{func([]int) {}, []any{map[string]int{}}, `want []int, got an object`},
		{func([]int) {}, []any{[]any{1, "a"}}, `want []int, got an array`},
		{func([]int) {}, []any{[]any{1, bin}}, `want []int, got an array`},
		{func(image) {}, []any{map[string]any{"name": bin}}, `want handler_test.image, got an object`},
		{func([]byte) {}, []any{"not base64!"}, `want []uint8, got a string`},
		{func(time.Time) {}, []any{"yesterday"}, `want time.Time, got a string`},
		{func(custom) {}, []any{"refused"}, `want handler_test.custom, got a string: no, thank you`},
		{func(...string) {}, []any{"a", "b", 3}, `argument 3 of "ev": want string, got a number`},
		{func(int, ...string) {}, []any{}, `argument 1 of "ev": want int, got nothing`},
		{func(map[int]int) {}, []any{map[string]int{"a": 1}}, `want map[int]int, got an object`},
	} {
		h, err := handler.New(c.fn)
		require.NoError(t, err, "%T", c.fn)
		err = h.Call(t.Context(), args(t, c.args...), neverAck(t))
		var e *fault.ArgumentError
		require.ErrorAs(t, err, &e, "%T with %v", c.fn, c.args)
		assert.Contains(t, err.Error(), c.want, "%T with %v", c.fn, c.args)
		assert.Equal(t, "ev", e.Event)
	}
}

func TestCauseOfAnArgumentErrorIsKept(t *testing.T) {
	h, err := handler.New(func(string, int) {})
	require.NoError(t, err)
	err = h.Call(t.Context(), args(t, "a", "b"), nil)
	var cause *json.UnmarshalTypeError
	require.ErrorAs(t, err, &cause)
	assert.Equal(t, "string", cause.Value)
	assert.NoError(t, errors.Unwrap(h.Call(t.Context(), args(t, "a"), nil)),
		"the error for a missing argument must wrap no other error")
}

func TestBrokenArgumentsAreAnError(t *testing.T) {
	for name, broken := range map[string]codec.Args{
		"JSON":   codec.RawArgs(codec.JSON, []byte(`["ev",1`), "ev", 2),
		"Binary": codec.RawArgs(jsonmsgpack.Msgpack, []byte{0xc1}, "ev", 2),
	} {
		for _, fn := range []any{func(string) {}, func(int, int) {}, func(...any) {}} {
			h, err := handler.New(fn)
			require.NoError(t, err)
			require.ErrorIs(t, h.Call(t.Context(), broken, neverAck(t)), codec.ErrMalformed, "%s to %T", name, fn)
		}
	}
	h, err := handler.New(func(string) {})
	require.NoError(t, err)
	inside := codec.RawArgs(codec.JSON, []byte(`["ev",x]`), "ev", 1)
	require.Error(t, h.Call(t.Context(), inside, nil))
	var e *fault.ArgumentError
	require.ErrorAs(t, h.Call(t.Context(), codec.Args{}, nil), &e,
		"the zero Args must be an error, because it has no event")
}

// kinds maps arguments, in JSON and as a tree, to the names of their kinds.
func TestErrorNamesTheKindOfTheArgument(t *testing.T) {
	h, err := handler.New(func(picky) {})
	require.NoError(t, err)
	for want, tree := range map[string]any{
		"null": nil, "a boolean": true, "a number": 1.5, "a string": "a", "an array": []any{},
		"an object": codec.Object{},
	} {
		for _, second := range []any{"text", []byte("binary")} {
			a, err := codec.ArgsOf(codec.FromTree([]any{"ev", tree, second}))
			require.NoError(t, err)
			if p, err := a.AppendJSON(nil); err == nil {
				a = codec.RawArgs(codec.JSON, p, "ev", 2)
			}
			var e *fault.ArgumentError
			require.ErrorAs(t, h.Call(t.Context(), a, nil), &e)
			assert.Equal(t, want, e.Got)
		}
	}
	for want, tree := range map[string]any{"binary data": []byte{}, "a time": time.Now(), "a number": uint64(1 << 63)} {
		a, err := codec.ArgsOf(codec.FromTree([]any{"ev", tree}))
		require.NoError(t, err)
		var e *fault.ArgumentError
		require.ErrorAs(t, h.Call(t.Context(), a, nil), &e)
		assert.Equal(t, want, e.Got)
	}
}

// picky refuses every argument.
type picky struct{}

func (*picky) UnmarshalJSON([]byte) error { return errors.New("not this") }
