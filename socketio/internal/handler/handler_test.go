package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

type point struct {
	X int    `json:"x"`
	Y *int   `json:"y,omitempty"`
	N string `json:"n,omitempty"`
}

// image contains binary data.
type image struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// custom has an UnmarshalJSON method.
type custom struct{ text string }

func (c *custom) UnmarshalJSON(p []byte) error {
	if string(p) == `"refused"` {
		return errors.New("no, thank you")
	}
	c.text = string(p)
	return nil
}

type (
	name    string
	handle  func(name)
	replyTo func(string)
)

func args(t testing.TB, list ...any) codec.Args {
	t.Helper()
	a, err := codec.NewArgs("ev", list...)
	require.NoError(t, err)
	return a
}

// neverAck returns an ack that fails the test if the handler calls it.
func neverAck(t testing.TB) func(...any) {
	return func(values ...any) { t.Errorf("acknowledged with %v", values) }
}

func TestArgumentsAreDecoded(t *testing.T) {
	var got []any
	take := func(list ...any) { got = append([]any{}, list...) }
	now := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	ctx := context.WithValue(t.Context(), name("k"), "v")
	seven := 7
	for _, c := range []struct {
		fn   any
		args []any
		want []any
	}{
		{func() { take() }, []any{1, 2}, []any{}},
		{func(s string) { take(s) }, []any{"a"}, []any{"a"}},
		{func(s string) { take(s) }, []any{"a\n\"é", "surplus"}, []any{"a\n\"é"}},
		{func(n name) { take(n) }, []any{"a"}, []any{name("a")}},
		{handle(func(n name) { take(n) }), []any{"a"}, []any{name("a")}},
		{func(n int, f float64, b, c bool) { take(n, f, b, c) }, []any{-12, 1.5, true, false},
			[]any{-12, 1.5, true, false}},
		{func(n int, f float64) { take(n, f) }, []any{0, 12}, []any{0, 12.0}},
		{func(a int8, b uint64, c float32, d string) { take(a, b, c, d) }, []any{-8, uint64(1 << 63), 0.5, ""},
			[]any{int8(-8), uint64(1 << 63), float32(0.5), ""}},
		{func(p point) { take(p) }, []any{point{X: 1, Y: &seven}}, []any{point{X: 1, Y: &seven}}},
		{func(p *point) { take(*p) }, []any{map[string]any{"x": 1, "more": nil}}, []any{point{X: 1}}},
		{func(p **point) { take((**p).X) }, []any{point{X: 1}}, []any{1}},
		{func(l []point, m map[string]int, a [2]int) { take(l, m, a) },
			[]any{[]point{{X: 1}}, map[string]int{"a": 1}, []int{1, 2}},
			[]any{[]point{{X: 1}}, map[string]int{"a": 1}, [2]int{1, 2}}},
		{func(m map[int]string) { take(m) }, []any{map[int]string{1: "a"}}, []any{map[int]string{1: "a"}}},
		{func(v any) { take(v) }, []any{map[string]any{"a": []any{1, nil}}},
			[]any{map[string]any{"a": []any{1.0, nil}}}},
		{func(v any) { take(v) }, []any{[]byte{1}}, []any{[]byte{1}}},
		{func(p []byte, i image) { take(p, i) }, []any{[]byte{1, 2}, image{"a", []byte{3}}},
			[]any{[]byte{1, 2}, image{"a", []byte{3}}}},
		{func(p [2]byte) { take(p) }, []any{[]byte{1, 2}}, []any{[2]byte{1, 2}}},
		{func(x time.Time) { take(x) }, []any{now}, []any{now}},
		{func(c custom, d *custom) { take(c.text, d.text) }, []any{[]int{1}, "x"}, []any{"[1]", `"x"`}},
		{func(r json.RawMessage) { take(string(r)) }, []any{point{X: 1}}, []any{`{"x":1}`}},
		{func(n json.Number) { take(n) }, []any{12}, []any{json.Number("12")}},
		{func(v codec.Value) { take(v.String()) }, []any{point{X: 1}}, []any{`{"x":1}`}},
		{func(v codec.Value, w *codec.Value) { take(v.String(), w.String()) }, []any{1, []byte{0}},
			[]any{`1`, `"AA=="`}},
		{func(ctx context.Context) { take(ctx.Value(name("k"))) }, []any{1}, []any{"v"}},
		{func(ctx context.Context, n int) { take(ctx.Value(name("k")), n) }, []any{1}, []any{"v", 1}},
		{func(list ...string) { take(len(list), strings.Join(list, "")) }, nil, []any{0, ""}},
		{func(list ...string) { take(len(list), strings.Join(list, "")) }, []any{"a", "b", "c"}, []any{3, "abc"}},
		{func(n int, list ...any) { take(append([]any{n}, list...)...) }, []any{1, "a", nil}, []any{1, "a", nil}},
		{func(n int, list ...codec.Value) { take(n, len(list)) }, []any{1}, []any{1, 0}},
		{func(ctx context.Context, list ...point) { take(list) }, []any{point{X: 1}, point{X: 2}},
			[]any{[]point{{X: 1}, {X: 2}}}},
		{func(list ...int) { take(len(list)) }, make([]any, 20), []any{20}},

		// Missing arguments, and null.
		{func(p *point, v any, w codec.Value) { take(p == nil, v, w.IsNull()) }, nil, []any{true, nil, true}},
		{func(n int, p *point) { take(n, p == nil) }, []any{1}, []any{1, true}},
		{func(v codec.Value) { take(v.IsNull()) }, nil, []any{true}},
		{func(s string, n int, p *point, v any, l []int, w codec.Value) {
			take(s, n, p == nil, v, l == nil, w.IsNull())
		}, make([]any, 6), []any{"", 0, true, nil, true, true}},
	} {
		h, err := handler.New(c.fn)
		require.NoError(t, err, "%T", c.fn)
		for range 2 {
			got = nil
			require.NoError(t, h.Call(ctx, args(t, c.args...), nil), "%T with %v", c.fn, c.args)
			assert.Equal(t, c.want, got, "%T with %v", c.fn, c.args)
		}
	}
}

// Handlers that are called directly must receive the same arguments as handlers that are called by reflection.
func TestShapes(t *testing.T) {
	type got struct {
		value any
		acks  []any
	}
	var value any
	for _, c := range []struct {
		fn   any
		want got
	}{
		{func() { value = "called" }, got{"called", nil}},
		{func(ack func()) { ack() }, got{nil, []any{}}},
		{func(v codec.Value) { value = v.String() }, got{`"é"`, nil}},
		{func(s string) { value = s }, got{"é", nil}},
		{func(v codec.Value, ack func()) { value = v.String(); ack() }, got{`"é"`, []any{}}},
		{func(v codec.Value, ack func(codec.Value)) { value = v.String(); ack(codec.FromTree(int64(1))) },
			got{`"é"`, []any{codec.FromTree(int64(1))}}},
		{func(v codec.Value, ack func(any)) { value = v.String(); ack(nil) }, got{`"é"`, []any{nil}}},
		{func(s string, ack func()) { value = s; ack() }, got{"é", []any{}}},
		{func(s string, ack func(string)) { value = s; ack("b") }, got{"é", []any{"b"}}},
		{func(s string, ack func(any)) { value = s; ack(point{X: 1}) }, got{"é", []any{point{X: 1}}}},
		{func(s string, ack func(bool)) { value = s; ack(true) }, got{"é", []any{true}}},
		{func(s string, ack func(int)) { value = s; ack(3) }, got{"é", []any{3}}},
		{func(s string, ack replyTo) { value = s; ack("named") }, got{"é", []any{"named"}}},
		{func(s name, ack func(codec.Value)) { value = s; ack(codec.Value{}) }, got{name("é"), []any{codec.Value{}}}},
		{func(ack func(...any)) { ack(1, "a", nil) }, got{nil, []any{1, "a", nil}}},
		{func(ack func(...any)) { ack() }, got{nil, []any{}}},
		{func(ack func(error, point)) { ack(nil, point{X: 2}) }, got{nil, []any{nil, point{X: 2}}}},
		{func(ack func(string, ...int)) { ack("a", 1, 2) }, got{nil, []any{"a", 1, 2}}},
		{func(ack func(string, ...int)) { ack("a") }, got{nil, []any{"a"}}},
		{func(ack func(...any), all ...any) { value = all; ack(all...) }, got{[]any{"é", 2.0}, []any{"é", 2.0}}},
		{func(_ context.Context, ack func(int), s string, n ...int) error { value = s; ack(n[0]); return nil },
			got{"é", []any{2}}},
		{func(ack func(), _ string, _ int, none ...bool) { value = len(none); ack() }, got{0, []any{}}},
		{func(ctx context.Context, s string, ack func(*point)) error { value = s; ack(nil); return ctx.Err() },
			got{"é", []any{(*point)(nil)}}},
	} {
		h, err := handler.New(c.fn)
		require.NoError(t, err, "%T", c.fn)
		value = nil
		var acks []any
		calls := 0
		require.NoError(t, h.Call(t.Context(), args(t, "é", 2), func(values ...any) {
			calls++
			acks = append([]any{}, values...)
		}), "%T", c.fn)
		assert.Equal(t, c.want, got{value, acks}, "%T", c.fn)
		assert.LessOrEqual(t, calls, 1)
		require.NoError(t, h.Call(t.Context(), args(t, "é", 2), nil),
			"%T: a handler may call ack even if no acknowledgement is wanted", c.fn)
	}
}

func TestErrorOfAHandlerIsReturned(t *testing.T) {
	failure := errors.New("out of tea")
	for _, fn := range []any{
		func() error { return failure },
		func(string) error { return failure },
		func(context.Context, string, func(string)) error { return failure },
		func(...any) error { return failure },
	} {
		h, err := handler.New(fn)
		require.NoError(t, err)
		assert.Equal(t, failure, h.Call(t.Context(), args(t, "a"), neverAck(t)), "%T", fn)
	}
	h, err := handler.New(func() error { return nil })
	require.NoError(t, err)
	assert.NoError(t, h.Call(t.Context(), args(t), neverAck(t)))
}

func TestPanicOfAHandlerReachesTheCaller(t *testing.T) {
	for _, fn := range []any{func() { panic("p") }, func(string) { panic("p") }, func(any, func(int)) { panic("p") }} {
		h, err := handler.New(fn)
		require.NoError(t, err)
		assert.PanicsWithValue(t, "p", func() { _ = h.Call(t.Context(), args(t, "a"), neverAck(t)) }, "%T", fn)
	}
}

func TestNilContextIsPassedOn(t *testing.T) {
	called := false
	h, err := handler.New(func(ctx context.Context) { called = ctx == nil })
	require.NoError(t, err)
	var none context.Context
	require.NoError(t, h.Call(none, args(t), nil))
	assert.True(t, called)
}

func ExampleNew() {
	type message struct{ Room, Text string }
	h, err := handler.New(func(ctx context.Context, m message, ack func(string)) error {
		fmt.Println(m.Room, m.Text)
		ack("thanks")
		return nil
	})
	if err != nil {
		panic(err)
	}
	event, _ := codec.NewArgs("chat message", map[string]string{"room": "kitchen", "text": "tea?"})
	err = h.Call(context.Background(), event, func(values ...any) { fmt.Println(values...) })
	fmt.Println(err)
	event, _ = codec.NewArgs("chat message", 5)
	fmt.Println(h.Call(context.Background(), event, nil))
	// Output:
	// kitchen tea?
	// thanks
	// <nil>
	// argument 1 of "chat message": want handler_test.message, got a number: json: cannot unmarshal number into Go value of type handler_test.message
}
