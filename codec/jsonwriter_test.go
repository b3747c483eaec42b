package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

// FuzzJSONWriter compares the output of jsonWriter with that of encoding/json.
func FuzzJSONWriter(f *testing.F) {
	for _, s := range []string{`null`, `[1,-2.5,1e300,"a\u2028\ud800",{"b":[true,false,null],"":{}},[]]`,
		` { "z" : "\u0000" , "a":[ ] } `, `[-0,1e-7]`, `{"a":"\ufffd","<":"&"}`, `[1`, ``, "\"\xff\"", `"\\u2028"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		raw, err := codec.NewValue(json.RawMessage(p))
		want, wantErr := encodingJSON(json.RawMessage(p))
		if errors.Is(err, codec.ErrDepth) {
			return
		}
		require.Equal(t, wantErr == nil, err == nil, "%q: %v, %v", p, wantErr, err)
		if err != nil {
			require.EqualError(t, errors.Unwrap(err), wantErr.Error())
			return
		}
		require.Equal(t, want, raw.String())

		var v any
		if json.Unmarshal(p, &v) != nil {
			return // a number that no float64 can hold
		}
		v = plainZero(v)
		for _, v := range []any{v, map[string]any{"k": json.RawMessage(p), "v": v}, []any{raw, v},
			[]map[string]any{{"\xff": v}, nil}} {
			want, wantErr := encodingJSON(v)
			got, err := codec.NewValue(v)
			if errors.Is(err, codec.ErrDepth) {
				return
			}
			require.NoError(t, err)
			require.NoError(t, wantErr)
			require.Equal(t, want, got.String())
		}
	})
}

// encodingJSON returns what encoding/json writes for v, without the escapes that JSON.stringify does not write.
func encodingJSON(v any) (string, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	p := bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})
	if !utf8.Valid(p) { // one U+FFFD for each invalid byte
		p = []byte(string([]rune(string(p))))
	}
	return unescapeOutside(string(p)), nil
}

// unescapeOutside is unescape that ignores escaped backslashes.
func unescapeOutside(s string) string {
	parts := strings.Split(s, `\\`)
	for i := range parts {
		parts[i] = strings.NewReplacer(`\ufffd`, "\ufffd", `\uFFFD`, "\ufffd", `\u2028`, "\u2028", `\u2029`,
			"\u2029").Replace(parts[i])
	}
	return strings.Join(parts, `\\`)
}

// plainZero removes the sign of zeros, which JSON.stringify does not write.
func plainZero(v any) any {
	switch v := v.(type) {
	case float64:
		if v == 0 {
			return 0.0
		}
	case []any:
		for i := range v {
			v[i] = plainZero(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainZero(v[k])
		}
	}
	return v
}

func TestUsualTypesEncodeAsEncodingJSONDoes(t *testing.T) {
	texts := []string{"", "a", "\x00\b\f\n\"\\<&>\u2028", "ä\xff\xc3", "\U0001F389"}
	for name, v := range map[string]any{
		"Integers": []any{int32(-5), uint(7), uint64(math.MaxUint64), uint32(math.MaxUint32), int64(math.MinInt64),
			int8(1), uint16(2)},
		"Floats": []any{1.0, -1.5, 1e21, 1e20, 1e-6, 1e-7, 5e-324, math.MaxFloat64, float32(0.1)},
		"Texts":  texts,
		"NoTexts": []any{[]string(nil), []string{}, map[string]string(nil), map[string]string{},
			map[string]any(nil), map[string]any{}, []any(nil), []any{}, []map[string]any(nil)},
		"MapOfTexts": map[string]string{"b": texts[2], "a": texts[3], "\xff": "", "\u2028": "x", "": "y"},
		"Deep": map[string]any{"b": map[string]any{"z": 1,
			"y": map[string]any{"x": []any{map[string]string{"k": "v"}}}}, "a": []map[string]any{{"q": nil}, {}}},
		"Mixed": map[string]any{"struct": struct{ A, B any }{1, "x"}, "number": json.Number("1e5"),
			"raw": json.RawMessage(" [1, {\"a\": \"b c\"}]\n"), "none": json.RawMessage(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := encodingJSON(v)
			require.NoError(t, err)
			got, err := codec.NewValue(v)
			require.NoError(t, err)
			assert.Equal(t, want, got.String())
			a, err := codec.NewArgs("e", 1, v, v)
			require.NoError(t, err)
			assert.Equal(t, `["e",1,`+want+`,`+want+`]`, a.String())
			raw, ok := a.Value().Bytes(codec.JSON)
			require.True(t, ok)
			assert.Equal(t, len(raw), cap(raw))
			b, err := a.Append(v)
			require.NoError(t, err)
			assert.Equal(t, `["e",1,`+want+`,`+want+`,`+want+`]`, b.String())
		})
	}
}

func TestUsualTypesFailAsEncodingJSONDoes(t *testing.T) {
	for name, v := range map[string]any{
		"NaN":           map[string]any{"a": []any{math.NaN()}},
		"Infinity":      []any{math.Inf(-1)},
		"Channel":       map[string]any{"a": 1, "b": make(chan int)},
		"EmptyMessage":  json.RawMessage{},
		"BadMessage":    map[string]any{"a": json.RawMessage(`{"a":}`)},
		"MoreThanOne":   json.RawMessage(`1 2`),
		"BadNumberText": []any{json.Number("x")},
	} {
		t.Run(name, func(t *testing.T) {
			_, want := encodingJSON(v)
			require.Error(t, want)
			_, err := codec.NewValue(v)
			var wrong *codec.EncodeError
			require.ErrorAs(t, err, &wrong)
			assert.EqualError(t, wrong.Err, want.Error())
			again, err := codec.NewArgs("e", map[string]any{"b": 1, "a": "x"})
			require.NoError(t, err)
			assert.Equal(t, `["e",{"a":"x","b":1}]`, again.String(),
				"a pooled writer must not keep parts of a failed value")
		})
	}
}

func TestDepthIsCountedAcrossTypes(t *testing.T) {
	const most = codec.MaxDepth - 4
	nest := func(levels int, inner any) any {
		for i := range levels {
			switch i % 3 {
			case 0:
				inner = []any{inner}
			case 1:
				inner = map[string]any{"k": inner}
			default:
				inner = []map[string]any{{"k": inner}} // two levels
			}
		}
		return inner
	}
	levels := func(v any) (n int) {
		p, err := json.Marshal(v)
		require.NoError(t, err)
		return strings.Count(string(p), "[") + strings.Count(string(p), "{")
	}
	raw, err := codec.RawJSON([]byte(strings.Repeat("[", 60) + strings.Repeat("]", 60)))
	require.NoError(t, err)
	for name, inner := range map[string]any{
		"Nothing": nil, "Texts": []string{"x"}, "MapOfTexts": map[string]string{}, "Value": raw,
		"Message": json.RawMessage(strings.Repeat("[", 60) + strings.Repeat("]", 60)),
		"Struct":  struct{ A [][][]int }{[][][]int{{{1}}}}, "Text": strings.Repeat("[", 200),
	} {
		t.Run(name, func(t *testing.T) {
			for n := range 100 {
				v := nest(n, inner)
				deep := levels(v)
				if name == "Text" {
					deep -= 200
				}
				_, err := codec.NewValue(v)
				if deep <= most {
					require.NoError(t, err, "%d levels", deep)
					continue
				}
				require.ErrorIs(t, err, codec.ErrDepth, "%d levels", deep)
			}
		})
	}
}
