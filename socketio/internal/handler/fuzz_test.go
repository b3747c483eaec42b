package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

// tangled has fields of many kinds.
type tangled struct {
	point
	*image
	Self *tangled            `json:"self"`
	List []tangled           `json:"list"`
	Map  map[string]*tangled `json:"map"`
	Keys map[int8][]byte     `json:"keys"`
	Any  any                 `json:"any"`
	Raw  codec.Value         `json:"raw"`
	Args codec.Args          `json:"args"`
	Time *time.Time          `json:"time"`
	Text json.RawMessage     `json:"text"`
	Four [4]byte             `json:"four"`
	Odd  chan int            `json:"odd"`
	Face error               `json:"face"`
	Str  int                 `json:"str,string"`
}

// FuzzCall calls handlers of many types with anything that a client may send. None may panic, and an argument
// that does not fit is an ArgumentError.
func FuzzCall(f *testing.F) {
	for _, seed := range []string{
		`["ev"]`, `["ev","a"]`, `["ev",1,2]`, `["ev",null,null,null]`, `["ev","bytes:abc"]`,
		`["ev",{"x":1,"y":2,"n":"a"},[1,"bytes:"]]`, `["ev",1.5e300,-1,true]`,
		`["ev",{"self":{"self":null,"image":"bytes:a","data":"bytes:b"},"list":[{"any":"bytes:c"}],"map":{"a":{"raw":"bytes:d"}}}]`,
		`["ev",{"keys":{"1":"bytes:","300":"bytes:x"},"args":["a","bytes:e"],"time":"2024-01-02T03:04:05Z","text":"bytes:","four":"bytes:12345","odd":1,"face":{},"str":"5"}]`,
		`["ev",{"type":"Buffer","data":[1,2,3]}]`,
		`["ev",{"any":{"type":"Buffer","data":[1]},"four":{"type":"Buffer","data":[1,2,3,4,5,6]},"face":"bytes:"}]`,
	} {
		f.Add([]byte(seed))
	}
	var calls int
	shapes := map[string]any{
		"nothing": func() { calls++ }, "string": func(string) { calls++ }, "value": func(codec.Value) { calls++ },
		"any": func(any, any, any) { calls++ }, "int": func(int) { calls++ }, "float": func(float64, int8) { calls++ },
		"bool":  func(bool) { calls++ },
		"bytes": func([]byte, [3]byte) { calls++ }, "tangled": func(tangled) { calls++ },
		"tangledPointer": func(*tangled, *[]tangled) { calls++ },
		"map":            func(map[string]any) { calls++ }, "keys": func(map[int]tangled) { calls++ },
		"args": func(codec.Args) { calls++ },
		"rest": func(...tangled) { calls++ }, "strings": func(string, ...string) { calls++ },
		"time": func(time.Time) { calls++ },
		"raw":  func(json.RawMessage, json.Number) { calls++ }, "custom": func(custom, *custom) { calls++ },
		"endless": func(endless, endless3) { calls++ },
		"ack":     func(_ string, ack func(string)) { calls++; ack("a") },
		"full": func(_ context.Context, _ *point, _ any,
			ack func(any, ...int)) error {
			calls++
			ack(1)
			return nil
		},
	}
	handlers := make(map[string]*handler.Handler)
	for name, fn := range shapes {
		h, err := handler.New(fn)
		require.NoError(f, err)
		handlers[name] = h
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := codec.RawJSON(data)
		if err != nil {
			return
		}
		tree, err := v.Tree()
		require.NoError(t, err)
		for _, v := range []codec.Value{v, codec.FromTree(withBytes(tree))} {
			a, err := codec.ArgsOf(v)
			if err != nil {
				return
			}
			for name, h := range handlers {
				calls = 0
				err := h.Call(t.Context(), a, func(...any) {})
				if err == nil {
					require.Equal(t, 1, calls, "%s with %v", name, a)
					continue
				}
				require.Zero(t, calls, "%s with %v", name, a)
				var e *fault.ArgumentError
				require.True(t, errors.As(err, &e), "%s with %v: %v", name, a, err)
				require.NotEmpty(t, e.Error())
			}
		}
	})
}

// withBytes replaces the strings in a tree that start with "bytes:" by bytes.
func withBytes(t any) any {
	switch t := t.(type) {
	case string:
		if data, ok := strings.CutPrefix(t, "bytes:"); ok {
			return []byte(data)
		}
	case []any:
		for i := range t {
			t[i] = withBytes(t[i])
		}
	case codec.Object:
		for i := range t {
			t[i].Value = withBytes(t[i].Value)
		}
	}
	return t
}

// FuzzScalars compares the decoders for scalars, which do not use encoding/json, with encoding/json, which
// decodes named types.
func FuzzScalars(f *testing.F) {
	for _, seed := range []string{`"a"`, `"\u00e9\n"`, `"é`, `1`, `-0`, `1.0`, `1e2`, `9223372036854775808`, `1e400`,
		`true`, `false`, `null`, `[]`, `{}`, ` 1`, `"1"`} {
		f.Add([]byte(seed))
	}
	type (
		text  string
		whole int
		real  float64
		truth bool
	)
	var got, want any
	pairs := [][2]any{
		{func(v string) { got = v }, func(v text) { want = string(v) }},
		{func(v int) { got = v }, func(v whole) { want = int(v) }},
		{func(v float64) { got = v }, func(v real) { want = float64(v) }},
		{func(v bool) { got = v }, func(v truth) { want = bool(v) }},
	}
	var handlers [][2]*handler.Handler
	for _, pair := range pairs {
		var two [2]*handler.Handler
		for i, fn := range pair {
			var err error
			two[i], err = handler.New(fn)
			require.NoError(f, err)
		}
		handlers = append(handlers, two)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := codec.RawJSON(data)
		if err != nil {
			return
		}
		a := args(t, v)
		for _, two := range handlers {
			got, want = nil, nil
			err := two[0].Call(t.Context(), a, nil)
			require.Equal(t, two[1].Call(t.Context(), a, nil) == nil, err == nil, "%v", a)
			require.Equal(t, want, got, "%v", a)
		}
	})
}
