package codec_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

// harm is a function that the methods below call.
type harm func()

type (
	jsonHarm  struct{ harm }
	textHarm  struct{ harm }
	keyHarm   struct{ *harm }
	zeroHarm  struct{ harm }
	errorHarm struct{ p *int }
)

func (h jsonHarm) MarshalJSON() ([]byte, error) { h.harm(); return []byte("1"), nil }
func (h textHarm) MarshalText() ([]byte, error) { h.harm(); return nil, nil }
func (h keyHarm) MarshalText() ([]byte, error)  { (*h.harm)(); return nil, nil }
func (h zeroHarm) IsZero() bool                 { h.harm(); return false }
func (e *errorHarm) Error() string              { return fmt.Sprint(*e.p) }

var panics = map[string]harm{
	"String":         func() { panic("on purpose") },
	"Error":          func() { panic(errors.New("on purpose")) },
	"Nil":            func() { panic(nil) }, //nolint:govet // the test panics with nil on purpose
	"TypedNil":       func() { panic((*errorHarm)(nil)) },
	"NilDereference": func() { var p *int; *p = 1 },
}

// hostileValues returns values whose encoding calls h.
func hostileValues(h harm) map[string]any {
	type fields struct {
		Before string
		Harm   any
		Zero   zeroHarm `json:",omitzero"`
	}
	return map[string]any{
		"MarshalJSON":         jsonHarm{h},
		"MarshalText":         textHarm{h},
		"Key":                 map[keyHarm]int{{&h}: 1},
		"Field":               fields{Harm: jsonHarm{h}},
		"IsZero":              fields{Zero: zeroHarm{h}},
		"Pointer":             &jsonHarm{h},
		"Map":                 map[string]any{"a": "b", "c": []any{textHarm{h}}},
		"BesideBytes":         []any{[]byte{1}, jsonHarm{h}},
		"FieldBesideBytes":    []any{[]byte{1}, fields{Harm: textHarm{h}}},
		"KeyBesideBytes":      []any{[]byte{1}, map[keyHarm]int{{&h}: 1}},
		"NilOfAValueReceiver": []any{1, (*error)(nil), jsonHarm{h}},
	}
}

func TestAPanicOfAMarshalerIsAnError(t *testing.T) {
	for how, h := range panics {
		for name, v := range hostileValues(h) {
			_, err := codec.NewValue(v)
			requirePanic(t, err, -1, name, how)
			_, err = codec.NewArgs("ev", "first", v)
			requirePanic(t, err, 1, name, how)
			args, err := codec.NewArgs("ev", "first")
			require.NoError(t, err)
			_, err = args.Append(1, v)
			requirePanic(t, err, 2, name, how)
			dst := append(make([]byte, 0, 64), "before"...)
			got, _, err := codec.AppendJSON(dst, v)
			if err != nil { // otherwise AppendJSON reports bytes
				requirePanic(t, err, -1, name, how)
			}
			assert.Equal(t, "before", string(got))
			assert.Equal(t, "before", string(dst))
			requireEncoderWorks(t)
			assert.Equal(t, "before", string(dst), "dst must stay unchanged")
		}
	}
}

func requirePanic(t *testing.T, err error, arg int, what ...any) {
	t.Helper()
	var e *codec.EncodeError
	require.ErrorAs(t, err, &e, what...)
	assert.Equal(t, arg, e.Arg, what...)
	p, is := e.Err.(*codec.PanicError)
	require.True(t, is, "%v: %T", what, e.Err)
	assert.Contains(t, string(p.Stack), "panics_test.go", what...)
	assert.NotEmpty(t, err.Error())
}

// requireEncoderWorks encodes a few values with encoders from the pool.
func requireEncoderWorks(t *testing.T) {
	t.Helper()
	for range 4 {
		v, err := codec.NewValue(map[string]any{"a": []any{1, "b"}, "overwritten": jsonHarm{func() {}}})
		require.NoError(t, err)
		require.Equal(t, `{"a":[1,"b"],"overwritten":1}`, v.String())
	}
}

func TestAMarshalerMayEndTheGoroutineOfItsCaller(t *testing.T) {
	for _, v := range hostileValues(runtime.Goexit) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _, _ = codec.AppendJSON(make([]byte, 0, 64), v)
		}()
		<-done
		done = make(chan struct{})
		go func() {
			defer close(done)
			_, _ = codec.NewArgs("ev", v)
		}()
		<-done
		requireEncoderWorks(t)
	}
}

type readsJSON struct{ harm }
type readsText struct{ harm }

func (r *readsJSON) UnmarshalJSON([]byte) error { r.harm(); return nil }
func (r *readsText) UnmarshalText([]byte) error { r.harm(); return nil }

func TestAPanicOfAnUnmarshalerIsAnError(t *testing.T) {
	plain, err := codec.NewValue("text")
	require.NoError(t, err)
	for how, h := range panics {
		for _, v := range []codec.Value{plain, codec.FromTree("text")} {
			for _, into := range []any{&readsJSON{h}, &readsText{h}} {
				err := v.Decode(into)
				var p *codec.PanicError
				require.ErrorAs(t, err, &p, how)
				assert.Contains(t, string(p.Stack), "panics_test.go", how)
			}
		}
		args, err := codec.NewArgs("ev", "text")
		require.NoError(t, err)
		var p *codec.PanicError
		require.ErrorAs(t, args.Decode(&readsJSON{h}), &p, how)
	}
}
