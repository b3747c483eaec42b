package codec_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

func mustArgs(t testing.TB, event string, args ...any) codec.Args {
	t.Helper()
	a, err := codec.NewArgs(event, args...)
	require.NoError(t, err)
	return a
}

func TestArgsEncodeAndDecode(t *testing.T) {
	raw, err := codec.RawJSON([]byte(`{"b":1, "a":2}`))
	require.NoError(t, err)
	a := mustArgs(t, "h\"i", 1, "two", nil, raw, []int{3})
	assert.Equal(t, `h"i`, a.Event())
	assert.Equal(t, 5, a.Len())
	p, err := a.AppendJSON([]byte("x"))
	require.NoError(t, err)
	assert.Equal(t, `x["h\"i",1,"two",null,{"b":1, "a":2},[3]]`, string(p), "raw JSON is kept byte for byte")

	values, err := a.Values()
	require.NoError(t, err)
	require.Len(t, values, 5)
	assert.Equal(t, `{"b":1, "a":2}`, values[3].String())
	assert.True(t, values[2].IsNull())

	var n int
	var s string
	var m map[string]int
	require.NoError(t, a.Decode(&n, nil, nil, &m))
	assert.Equal(t, 1, n)
	assert.Equal(t, map[string]int{"a": 2, "b": 1}, m)
	extra := 42
	require.NoError(t, a.Decode(&n, &s, nil, nil, nil, &extra))
	assert.Equal(t, "two", s)
	assert.Equal(t, 42, extra, "a target without an argument stays unchanged")
	err = a.Decode(nil, &n)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "argument 1")

	assert.Zero(t, mustArgs(t, "only").Len())
	empty, err := mustArgs(t, "only").Values()
	require.NoError(t, err)
	assert.Empty(t, empty)
}

func TestAppendValuesHonorsItsLimit(t *testing.T) {
	first, err := codec.NewValue("first")
	require.NoError(t, err)
	for name, a := range map[string]codec.Args{"JSON": mustArgs(t, "ev", 1, "two"),
		"Tree": mustArgs(t, "ev", 1, []byte{2})} {
		want, err := a.Values()
		require.NoError(t, err)
		got, err := a.AppendValues([]codec.Value{first}, math.MaxInt)
		require.NoError(t, err)
		assert.Equal(t, append([]codec.Value{first}, want...), got, name)
		var room [4]codec.Value
		n := testing.AllocsPerRun(10, func() { got, err = a.AppendValues(room[:0], 5) })
		require.NoError(t, err)
		assert.Equal(t, want, got, name)
		got, err = a.AppendValues(nil, 1)
		require.NoError(t, err)
		assert.Equal(t, want[:1], got, "%s: no more than requested", name)
		got, err = a.AppendValues(nil, 0)
		require.NoError(t, err)
		assert.Empty(t, got, name)
		if name == "JSON" {
			assert.Zero(t, n, "allocations although dst has room")
		}
	}
	got, err := mustArgs(t, "only").AppendValues([]codec.Value{first}, 5)
	require.NoError(t, err)
	assert.Equal(t, []codec.Value{first}, got)
	for name, broken := range map[string]codec.Args{
		"NoEnd":   codec.RawArgs(codec.JSON, []byte(`["a",1,2`), "a", 2),
		"NoArray": codec.RawArgs(codec.JSON, []byte(`{"a":1}`), "a", 2),
	} {
		got, err := broken.AppendValues([]codec.Value{first}, 5)
		require.ErrorIs(t, err, codec.ErrMalformed, name)
		assert.Equal(t, []codec.Value{first}, got, name)
	}
}

func TestArgsCarryBytes(t *testing.T) {
	a := mustArgs(t, "ev", 1, map[string]any{"b": []byte{1, 2}}, "s")
	_, err := a.AppendJSON(nil)
	require.ErrorIs(t, err, codec.ErrBinary)
	var n int
	var m map[string][]byte
	var s string
	require.NoError(t, a.Decode(&n, &m, &s))
	assert.Equal(t, 1, n)
	assert.Equal(t, []byte{1, 2}, m["b"])
	assert.Equal(t, "s", s)
	assert.Equal(t, `["ev",1,{"b":"AQI="},"s"]`, a.String())
}

func TestAppendAddsArguments(t *testing.T) {
	base := mustArgs(t, "ev", 1)
	one, err := base.Append("a")
	require.NoError(t, err)
	two, err := base.Append("b", nil)
	require.NoError(t, err)
	three, err := one.Append([]byte{9})
	require.NoError(t, err)
	four, err := three.Append("c")
	require.NoError(t, err)
	same, err := base.Append()
	require.NoError(t, err)

	assert.Equal(t, `["ev",1]`, base.String())
	assert.Equal(t, `["ev",1]`, same.String())
	assert.Equal(t, `["ev",1,"a"]`, one.String())
	assert.Equal(t, `["ev",1,"b",null]`, two.String())
	assert.Equal(t, `["ev",1,"a","CQ=="]`, three.String())
	assert.Equal(t, `["ev",1,"a","CQ==","c"]`, four.String())
	assert.Equal(t, 4, four.Len())
	assert.Equal(t, "ev", four.Event())

	_, err = two.Append(1, make(chan int))
	var enc *codec.EncodeError
	require.ErrorAs(t, err, &enc)
	assert.Equal(t, 4, enc.Arg, "the index counts the arguments that were there before")
	_, err = codec.Args{}.Append(1)
	require.Error(t, err)
}

func TestArgsOfChecksTheEvent(t *testing.T) {
	for text, want := range map[string]struct {
		event string
		n     int
	}{
		`["ev"]`:                     {"ev", 0},
		" [ \"ev\" , 1 ,[2, 3],{} ]": {"ev", 3},
		`["\u0061\n"]`:               {"a\n", 0},
		`[1]`:                        {"1", 0},
		`[-1.50, 2]`:                 {"-1.5", 1},
		`[1e21]`:                     {"1e+21", 0},
		`[1e-7]`:                     {"1e-7", 0},
		`[12345678901234567890]`:     {"12345678901234567890", 0},
		`[""]`:                       {"", 0},
	} {
		v, err := codec.RawJSON([]byte(text))
		require.NoError(t, err)
		a, err := codec.ArgsOf(v)
		require.NoError(t, err, text)
		assert.Equal(t, want.event, a.Event(), text)
		assert.Equal(t, want.n, a.Len(), text)
		tree, err := v.Tree()
		require.NoError(t, err)
		b, err := codec.ArgsOf(codec.FromTree(tree))
		require.NoError(t, err, text)
		assert.Equal(t, want.event, b.Event(), text)
		assert.Equal(t, want.n, b.Len(), text)
	}
	for _, text := range []string{`[]`, ` [ ] `, `{}`, `"ev"`, `null`, `[null]`, `[true]`, `[[]]`, `[{}]`, `1`} {
		v, err := codec.RawJSON([]byte(text))
		require.NoError(t, err)
		_, err = codec.ArgsOf(v)
		require.ErrorIs(t, err, codec.ErrMalformed, text)
		tree, err := v.Tree()
		require.NoError(t, err)
		_, err = codec.ArgsOf(codec.FromTree(tree))
		require.ErrorIs(t, err, codec.ErrMalformed, text)
	}
	for _, p := range []string{`[`, `["a"`, `["a",`, `["a",]`, `["a"}`, `["a" 1]`, `["a`, `[`, ``, `["a"]x`,
		`["a"][]`} {
		_, err := codec.ArgsOf(codec.Raw(codec.JSON, []byte(p)))
		require.ErrorIs(t, err, codec.ErrMalformed, "%q, which should have been checked", p)
	}
	_, err := codec.ArgsOf(codec.Raw(jsonmsgpack.Msgpack, []byte{0x91}))
	require.True(t, errors.Is(err, codec.ErrMalformed))
}

func TestArgsMarshalAsJSON(t *testing.T) {
	type doc struct{ A codec.Args }
	v, err := codec.NewValue(doc{mustArgs(t, "ev", 1)})
	require.NoError(t, err)
	assert.Equal(t, `{"A":["ev",1]}`, v.String())
	var back doc
	require.NoError(t, v.Decode(&back))
	assert.Equal(t, "ev", back.A.Event())
	assert.Error(t, codec.FromTree(codec.Object{{Key: "A", Value: []any{}}}).Decode(&back))
}
