package codec_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

type (
	nickname    string
	textual     string
	pointerOnly int
	flatDoc     struct {
		S    string   `json:"s"`
		N    nickname `json:"nötig"`
		I    int8     `json:",omitempty"`
		J    int64    `json:"j-k"`
		U    uint64   `json:"u,omitzero"`
		V    uint16
		F    float64 `json:"f,omitempty"`
		B    bool
		None string `json:"-"`
		none string
	}
	omitted struct {
		A string  `json:"a,omitempty"`
		B bool    `json:"b,omitzero"`
		C float64 `json:"c,omitempty"`
	}
	allOmitted struct {
		None int `json:"-"`
	}
)

func (m textual) MarshalText() ([]byte, error)      { return []byte("text " + m), nil }
func (p *pointerOnly) MarshalJSON() ([]byte, error) { return []byte(`"pointer"`), nil }

// FuzzFlatStructsAreEncodedAsJSON compares the encoding of flat structs with that of encoding/json.
func FuzzFlatStructsAreEncodedAsJSON(f *testing.F) {
	f.Add("a<\u2028\xff\x00", int64(-5), uint64(math.MaxUint64), 1e21, true)
	f.Add("", int64(0), uint64(0), 0.0, false)
	f.Fuzz(func(t *testing.T, s string, i int64, u uint64, x float64, b bool) {
		doc := flatDoc{S: s, N: nickname(s), I: int8(i), J: i, U: u, V: uint16(u), F: x, B: b, None: s, none: s}
		o := omitted{s, b, x}
		for _, v := range []any{doc, &doc, o, &o, []any{o, doc, 1}, map[string]any{"k": &doc}} {
			want, wantErr := encodingJSON(v)
			got, err := codec.NewValue(v)
			if wantErr != nil {
				require.ErrorContains(t, err, wantErr.Error())
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want, got.String())

			appended, binary, err := codec.AppendJSON([]byte("before"), v)
			require.NoError(t, err)
			require.False(t, binary)
			require.Equal(t, "before"+want, string(appended))
		}
	})
}

func TestOtherStructsEncodeAsEncodingJSONDoes(t *testing.T) {
	text, n := textual("x"), pointerOnly(1)
	for _, v := range []any{
		(*flatDoc)(nil), struct{}{}, allOmitted{1},
		struct{ M textual }{text}, struct{ P pointerOnly }{n}, &struct{ P pointerOnly }{n},
		struct {
			Z zeroInt `json:",omitzero"`
		}{7}, struct {
			Z zeroInt `json:",omitempty"`
		}{7},
		struct {
			Q int `json:",string"`
		}{1}, struct{ F float32 }{0.1}, struct{ N json.Number }{"12"}, struct{ N json.Number }{},
		struct{ omitted }{omitted{A: "a"}}, struct{ P *int }{}, struct{ L []string }{},
	} {
		want, err := encodingJSON(v)
		require.NoError(t, err)
		got, err := codec.NewValue(v)
		require.NoError(t, err, "%T", v)
		assert.Equal(t, want, got.String(), "%T", v)
	}
}

type zeroInt int

func (z zeroInt) IsZero() bool { return z == 7 }

func TestAppendJSONKeepsDstOnFailure(t *testing.T) {
	for _, v := range []any{[]byte{1}, map[string]any{"a": []byte{1}}} {
		got, binary, err := codec.AppendJSON([]byte("before"), v)
		require.NoError(t, err)
		assert.True(t, binary)
		assert.Equal(t, "before", string(got))
	}
	got, binary, err := codec.AppendJSON([]byte("before"), []any{"a", make(chan int)})
	var e *codec.EncodeError
	require.ErrorAs(t, err, &e)
	assert.False(t, binary)
	assert.Equal(t, "before", string(got))
}

type flatInput struct {
	Text   string `json:"text"`
	I      int    `json:"i"`
	Small  int8   `json:"small,omitempty"`
	U      uint16
	Number float64 `json:"n"`
	Yes    bool    `json:"yes"`
	hidden int
	Name   nickname `json:"nötig"`
}

// FuzzFlatStructsAreDecodedAsJSON compares Decode with encoding/json: it must set the same fields, in an empty
// struct and in one that has values, and return an error for the same texts.
func FuzzFlatStructsAreDecodedAsJSON(f *testing.F) {
	for _, seed := range []string{
		`{"text":"a","i":1,"small":-3,"U":7,"n":1.5,"yes":true}`, `{"i":-0,"yes":false}`, `{"n":-0.0}`, `{"n":1e3}`,
		`{"n":1e999}`, `{"i":1e3}`, `{"i":1.0}`,
		`{"small":128}`, `{"U":-1}`, `{"TEXT":"folded"}`, `{"text":"a\u00e9\n"}`, `{"text":"é"}`,
		`{"text":null,"i":2}`, `{"i":1,"i":2}`, `{"i":1,"i":null}`,
		`{"unknown":[1,{}]}`, `{}`, ` {"i" : 1 } `, `{"i":"1"}`, `{"text":1}`, `null`, `[]`,
		`{"type":"Buffer","data":[1]}`, `{"text":"Buffer"}`, `{"i":9223372036854775808}`,
		`{"n":123456789012345678901234567890.25}`, `{"i":01}`, `{"i":1}{`, `{"i":1,}`, `{"yes":tru}`, `{"nötig":"ö"}`,
		`{"hidden":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := codec.RawJSON([]byte(text))
		if err != nil {
			return // Parse refuses such an argument
		}
		for _, before := range []flatInput{{}, {"before", 1, 2, 3, 4.5, true, 6, "x"}} {
			want, got := before, before
			wantErr := json.Unmarshal([]byte(text), &want)
			err := v.Decode(&got)
			require.Equal(t, wantErr == nil, err == nil, "%s: %v, and encoding/json says %v", text, err, wantErr)
			require.Equal(t, want, got, text)
		}
	})
}
