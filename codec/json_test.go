package codec_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

var jsonTexts = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `-1`, `1.5`, `-1.5e10`, `1E+2`, `1e-7`, `12345678901234567890`,
	`9223372036854775807`,
	`9223372036854775808`, `1e400`, `""`, `"a"`, `"\"\\\/\b\f\n\r\t\u0041"`, `"\ud83d\ude00"`, `"\ud83d"`,
	`"\ude00\ud83d"`, `"\ud83dx"`,
	`"ä\u2028"`, `[]`, `[ ]`, `{}`, `{ }`, ` [ 1 , [ 2 , { "a" : [ ] } ] , "x" ] `, `{"a":1,"b":{"c":null}}`,
	`{"a":1,"a":2}`,
	`{"\u0061":1,"a":2}`, `{"":""}`, `[[[[]]]]`, "\t\n\r [1]\n", `{"__proto__":1}`, `{"type":"Buffer","data":[1,2]}`,
	// not JSON
	``, ` `, `nul`, `nulll`, `tru`, `True`, `01`, `-`, `+1`, `.5`, `1.`, `1e`, `1e+`, `0x1`, `NaN`, `Infinity`, `"`,
	`"a`, `"\x"`, `"\u12"`,
	`"\u123g"`, "\"\x00\"", "\"\n\"", "\"\xff\"", "\"\xed\xa0\x80\"", `[`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`,
	`[1}`, `{`, `}`, `{"a"`, `{"a":`, `{"a":1`,
	`{"a":1,`, `{"a":1,}`, `{,}`, `{1:1}`, `{a:1}`, `{"a" 1}`, `{"a":1]`, `1 2`, `[] []`, `nullnull`, "\ufeff1",
	`'a'`, `// x`,
}

func FuzzJSON(f *testing.F) {
	for _, s := range jsonTexts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		v, err := codec.RawJSON(p)
		want := json.Valid(p) && utf8.Valid(p)
		if (err == nil) != want {
			if !want || strings.Count(string(p), "[")+strings.Count(string(p), "{") <= codec.MaxDepth-4 {
				t.Fatalf("RawJSON(%q): %v; encoding/json says it is valid: %v", p, err, want)
			}
			require.ErrorIs(t, err, codec.ErrDepth)
		}
		tree, treeErr := codec.JSON.Tree(p)
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			if treeErr == nil {
				require.ErrorIs(t, err, codec.ErrDepth)
			}
			return
		}
		require.NoError(t, treeErr)

		// The tree has the same content, and its JSON parses to the same content.
		text, err := codec.FromTree(tree).JSON()
		require.NoError(t, err)
		require.True(t, json.Valid(text))
		var fromText, fromTree any
		if json.Unmarshal(p, &fromText) != nil {
			return // a number out of the range of float64
		}
		require.NoError(t, json.Unmarshal(text, &fromTree), "%s", text)
		require.Equal(t, fromText, fromTree)

		// Decode agrees with encoding/json on each of its paths.
		var direct any
		require.NoError(t, v.Decode(&direct))
		require.Equal(t, fromText, direct)
		var withBytes struct {
			V any
			B []byte
		}
		require.NoError(t, codec.FromTree(codec.Object{{Key: "V", Value: tree},
			{Key: "B", Value: []byte{1}}}).Decode(&withBytes))
		require.Equal(t, fromText, withBytes.V)
		require.Equal(t, []byte{1}, withBytes.B)

		// The same as arguments.
		if a, err := codec.ArgsOf(v); err == nil {
			list := fromText.([]any)
			require.Len(t, list, a.Len()+1)
			values, err := a.Values()
			require.NoError(t, err)
			require.Len(t, values, a.Len())
			for i, value := range values {
				var one any
				require.NoError(t, value.Decode(&one))
				require.Equal(t, list[i+1], one)
			}
			if name, ok := list[0].(string); ok {
				require.Equal(t, name, a.Event())
			}
			more, err := a.Append("x", []int{1})
			require.NoError(t, err)
			require.Equal(t, a.Len()+2, more.Len())
			require.True(t, json.Valid([]byte(more.String())))
		} else if list, ok := fromText.([]any); ok && len(list) > 0 {
			_, isString := list[0].(string)
			_, isNumber := list[0].(float64)
			require.False(t, isString || isNumber, "%v", err)
		}
	})
}

// FuzzStrings compares AppendString and Unquote with encoding/json.
func FuzzStrings(f *testing.F) {
	for _, s := range []string{"", "a", "\x00\x1f\"\\", "ä€😀", "\xff\xfe", "a\xe2\x80", "\u2028", "\ufffd", "\\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, v := range []any{s, []string{s}, map[string]string{s: s}, map[string]any{s: []byte(s)},
			json.RawMessage(quoted(s)), []any{json.RawMessage(quoted(s)), []byte(s)}} {
			out, err := codec.NewValue(v)
			require.NoError(t, err)
			require.True(t, utf8.ValidString(out.String()))
			require.NotContains(t, out.String(), "\x00")
			want, err := json.Marshal(v)
			require.NoError(t, err)
			var a, b any
			require.NoError(t, json.Unmarshal(want, &a))
			require.NoError(t, json.Unmarshal([]byte(out.String()), &b))
			require.Equal(t, a, b)
		}
	})
}

// quoted puts s in quotes. Only the bytes that must be escaped are removed.
func quoted(s string) string {
	return `"` + strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s) + "\xff" + `"`
}

func TestTreeOfJSON(t *testing.T) {
	tree, err := codec.JSON.Tree([]byte(` {"b":[1,-2.5,1e2,18446744073709551615,1e400,-0,true,null],` +
		`"a":"\u00e4","a":{}} `))
	require.NoError(t, err)
	assert.Equal(t, codec.Object{
		{Key: "b", Value: []any{int64(1), -2.5, 100.0, uint64(math.MaxUint64), math.Inf(1), math.Copysign(0, -1),
			true, nil}},
		{Key: "a", Value: "ä"},
		{Key: "a", Value: codec.Object{}},
	}, tree)
	minusZero := tree.(codec.Object)[0].Value.([]any)[5]
	assert.True(t, math.Signbit(minusZero.(float64)), "-0 keeps its sign")
	last, ok := tree.(codec.Object).Lookup("a")
	assert.True(t, ok)
	assert.Equal(t, codec.Object{}, last, "of equal keys, the last one counts")
	_, ok = tree.(codec.Object).Lookup("c")
	assert.False(t, ok)
}

func TestRawJSONIsNotCopied(t *testing.T) {
	p := append(make([]byte, 0, 64), `{"a":1}`...)
	v, err := codec.RawJSON(p)
	require.NoError(t, err)
	got, ok := v.Bytes(codec.JSON)
	require.True(t, ok)
	assert.Same(t, &p[0], &got[0])
	assert.Equal(t, len(got), cap(got), "an append must not write to the rest of the buffer")
	_, ok = v.Bytes(nil)
	assert.False(t, ok)
}

func TestIsNullFindsNullInEveryEncoding(t *testing.T) {
	raw, err := codec.RawJSON([]byte(" null\n"))
	require.NoError(t, err)
	made, err := codec.NewValue(nil)
	require.NoError(t, err)
	for _, v := range []codec.Value{{}, raw, made, codec.FromTree(nil), codec.Raw(codec.JSON, nil)} {
		assert.True(t, v.IsNull())
		assert.JSONEq(t, "null", v.String())
	}
	for _, s := range []string{"0", `""`, "false", "[]", `"null"`} {
		v, err := codec.RawJSON([]byte(s))
		require.NoError(t, err)
		assert.False(t, v.IsNull(), s)
	}
	assert.False(t, codec.FromTree(false).IsNull())
}

func TestFloatsAreWrittenAsInJavaScript(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1: "1", -1.5: "-1.5", 1e21: "1e+21", 1e20: "100000000000000000000", 1e-6: "0.000001", 1e-7: "1e-7",
		1.5e-10: "1.5e-10", 5e-324: "5e-324", math.MaxFloat64: "1.7976931348623157e+308", math.Inf(1): "null",
		math.Inf(-1): "null", 123456789012345680000: "123456789012345680000",
	} {
		assert.Equal(t, want, codec.FromTree(f).String())
	}
	assert.Equal(t, "null", codec.FromTree(math.NaN()).String())
	assert.Equal(t, "-0", codec.FromTree(math.Copysign(0, -1)).String(),
		"JSON.stringify drops the sign, but JSON.parse reads it")
}

func TestInvalidTreesAreErrors(t *testing.T) {
	for _, tree := range []any{1, int32(1), map[string]any{}, []string{"x"}, struct{}{}, codec.Value{}} {
		v := codec.FromTree([]any{tree})
		_, err := v.JSON()
		assert.Error(t, err, "%T", tree)
		var into any
		assert.Error(t, v.Decode(&into), "%T", tree)
		assert.Error(t, codec.FromTree([]any{tree, []byte{1}}).Decode(&into), "%T", tree)
		assert.Contains(t, v.String(), "<", "String returns the error as text")
	}
}

func TestAppendJSONKeepsDst(t *testing.T) {
	dst := append(make([]byte, 0, 1024), "before"...)
	out, err := codec.FromTree([]any{int64(1), []byte{2}}).AppendJSON(dst)
	require.ErrorIs(t, err, codec.ErrBinary)
	assert.True(t, bytes.HasPrefix(out, []byte("before")))
	out, err = mustArgs(t, "ev", 1).AppendJSON(dst)
	require.NoError(t, err)
	assert.Equal(t, `before["ev",1]`, string(out))
}
