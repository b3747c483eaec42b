//lint:file-ignore SA5008 some tags are wrong on purpose

package codec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

type (
	namedString string
	upper       string
	point       struct{ X, Y int }
	inner       struct {
		A string `json:"a"`
		B int    `json:"b,omitempty"`
		Shared
	}
	Shared struct {
		Both string
		Deep *int `json:",omitempty"`
	}
	Other struct {
		Both  string
		Only  bool
		Named int `json:"A2"`
	}
	unexported struct{ Promoted string }
	everything struct {
		Bool    bool
		Int     int
		Int8    int8
		Uint    uint
		Uint64  uint64
		F32     float32
		F64     float64
		String  string
		Named   namedString
		Array   [3]int16
		Slice   []string
		Bytes4  [4]byte
		Map     map[string]int
		IntMap  map[int8]string
		Ptr     *inner
		PtrPtr  **string
		Struct  point
		Inner   inner `json:"inner"`
		Quoted  int   `json:",string"`
		QuotedS string
		QS      string          `json:"qs,string"`
		QF      *float64        `json:"qf,string"`
		QB      bool            `json:",string,omitempty"`
		Empty   []int           `json:"empty,omitempty"`
		EmptyM  map[string]bool `json:",omitempty"`
		Zero    point           `json:"zero,omitzero"`
		ZeroT   time.Time       `json:"zt,omitzero"`
		Ignored int             `json:"-"`
		Dash    int             `json:"-,"`
		BadTag  int             `json:"a\"b"`
		private int
		Shared
		*Other
		unexported
	}
)

func (u upper) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(u))), nil }

type byPointer struct{ N int }

func (p *byPointer) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `{"n":%d}`, p.N), nil }

// viaTree encodes v together with bytes, so that the result is a tree, and returns the part of the tree that is v.
func viaTree(t *testing.T, v any) (string, error) {
	t.Helper()
	out, err := codec.NewValue(struct {
		V any
		B []byte
	}{v, []byte{1}})
	if err != nil {
		return "", err
	}
	tree, err := out.Tree()
	require.NoError(t, err)
	sub, _ := tree.(codec.Object).Lookup("V")
	p, err := codec.FromTree(sub).JSON()
	return string(p), err
}

func plainJSON(t *testing.T, v any) string {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(v))
	return strings.TrimSuffix(buf.String(), "\n")
}

func TestEncodesAsEncodingJSONDoes(t *testing.T) {
	seven, f := 7, 2.5
	s := "x"
	ps := &s
	values := map[string]any{
		"Nil": nil,
		"Scalars": []any{true, 1, int8(-3), uint64(math.MaxUint64), int64(math.MinInt64), 1.5,
			float32(0.1), "s"},
		"Floats":           []float64{0, 1, -1.5, 1e20, 1e21, 1e-6, 1e-7, 123456789.125, 1e300, 5e-324},
		"Float32s":         []float32{0.1, 3.4e38, 1e-7, 16777216},
		"NilSlice":         []int(nil),
		"NilMap":           map[string]int(nil),
		"MapOrder":         map[string]int{"b": 1, "a": 2, "": 3, "ä": 4},
		"IntKeys":          map[int]string{10: "a", 9: "b", -1: "c"},
		"UintKeys":         map[uint8]string{10: "a", 9: "b"},
		"TextKeys":         map[netip.Addr]int{netip.MustParseAddr("::1"): 1, netip.MustParseAddr("10.0.0.1"): 2},
		"NamedKeys":        map[upper]int{"abc": 1},
		"Marshaler":        time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC),
		"TextMarshaler":    upper("abc"),
		"TextMarshalers":   []upper{"a", "b"},
		"PointerMarshaler": []byPointer{{1}, {2}},
		"NotAddressable":   map[string]byPointer{"a": {1}},
		"NilMarshaler":     (*byPointer)(nil),
		"NilInterface":     []json.Marshaler{nil, &byPointer{3}},
		"RawMessage":       json.RawMessage(` {"b": 1, "a": [1 ,2]} `),
		"NilRawMessage":    json.RawMessage(nil),
		"Number":           []json.Number{"1", "-2.5", "1e3", ""},
		"BigInt":           big.NewInt(1 << 40),
		"ByteArray":        [3]byte{1, 2, 3},
		"Struct": everything{Quoted: 3, QS: `a"b`, QF: &f,
			Ptr: &inner{A: "a", Shared: Shared{Deep: &seven}}, PtrPtr: &ps, BadTag: 4, Dash: 5, private: 6},
		"Embedded":           everything{Other: &Other{Both: "hidden", Only: true}},
		"EmbeddedPointerNil": struct{ *Other }{},
		"Ambiguous": struct {
			Shared
			Other
		}{Shared{Both: "1"}, Other{Both: "2"}},
		"TaggedWins": struct {
			Shared
			Tagged struct{} `json:"Both"`
		}{},
		"HTML":    "<a href='x'>&</a>",
		"Control": "\x00\x1f\b\f\n\r\t\"\\\x7f",
		"StringOption": struct {
			N *int `json:",string"`
		}{&seven},
		"NilOption": struct {
			N *int `json:",string"`
		}{nil},
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			want := plainJSON(t, v)
			got, err := codec.NewValue(v)
			require.NoError(t, err)
			p, err := got.JSON()
			require.NoError(t, err)
			assert.Equal(t, want, string(p))

			tree, err := viaTree(t, v)
			require.NoError(t, err)
			if name == "Number" || name == "RawMessage" { // a tree keeps the value, but not its spelling
				assert.JSONEq(t, want, tree)
				return
			}
			assert.Equal(t, want, tree, "also in a value that holds bytes")
		})
	}
}

type random struct {
	Bool   bool
	I8     int8
	U64    uint64
	F32    float32
	F64    float64
	String string
	Array  [3]int16
	Slice  []string
	Map    map[string]int
	IntMap map[int8]string
	Ptr    **Shared
	Quoted int      `json:",string"`
	QS     string   `json:"qs,string"`
	QF     *float64 `json:"qf,string"`
	QB     bool     `json:",string,omitempty"`
	Empty  []int    `json:"empty,omitempty"`
	Zero   point    `json:"zero,omitzero"`
	Shared
	*Other
}

func TestRandomStructsEncodeAsEncodingJSONDoes(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 500 {
		v, ok := quick.Value(reflect.TypeFor[random](), rng)
		require.True(t, ok)
		// Not all of the strings are valid UTF-8. encoding/json escapes the character that replaces invalid bytes.
		want := unescape(plainJSON(t, v.Interface()))
		got, err := codec.NewValue(v.Interface())
		require.NoError(t, err)
		require.Equal(t, want, got.String())
		tree, err := viaTree(t, v.Interface())
		require.NoError(t, err)
		require.Equal(t, want, tree)
	}
}

func unescape(s string) string {
	return strings.NewReplacer(`\ufffd`, "\ufffd", `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(s)
}

func TestLineSeparatorsStandForThemselves(t *testing.T) {
	for _, s := range []string{"a\u2028b\u2029c\ufffd", `\u2028`, `\\u2028`, "\\\u2028", `\u2028\` + "\u2028",
		"bad\xffbyte"} {
		v, err := codec.NewValue(map[string]string{"k": s})
		require.NoError(t, err)
		p, err := v.JSON()
		require.NoError(t, err)
		direct, err := codec.NewValue(s)
		require.NoError(t, err)
		assert.Equal(t, `{"k":`+direct.String()+`}`, string(p), "as JSON.stringify writes it")
		var back string
		require.NoError(t, direct.Decode(&back))
		assert.Equal(t, strings.ToValidUTF8(s, "\ufffd"), back)
	}
}

func TestBytesStayBytesAtAnyDepth(t *testing.T) {
	type named []byte
	type holder struct {
		Data  []byte `json:"data"`
		Nil   []byte `json:"nil"`
		Empty []byte `json:"empty,omitempty"`
		Deep  map[string][]named
		Any   any
	}
	src := []byte{1, 2, 3}
	v, err := codec.NewValue(holder{Data: src, Empty: []byte{}, Deep: map[string][]named{"k": {{4}, nil, {}}},
		Any: &[]any{[]byte{5}}})
	require.NoError(t, err)
	src[0] = 99
	tree, err := v.Tree()
	require.NoError(t, err)
	assert.Equal(t, codec.Object{
		{Key: "data", Value: []byte{1, 2, 3}},
		{Key: "nil", Value: nil},
		{Key: "Deep", Value: codec.Object{{Key: "k", Value: []any{[]byte{4}, nil, []byte{}}}}},
		{Key: "Any", Value: []any{[]byte{5}}},
	}, tree, "the tree shares no memory with the value")
	_, err = v.JSON()
	require.ErrorIs(t, err, codec.ErrBinary)
	assert.Equal(t, `{"data":"AQID","nil":null,"Deep":{"k":["BA==",null,""]},"Any":["BQ=="]}`, v.String())
	p, err := v.AppendJSONBuffers([]byte("x"))
	require.NoError(t, err)
	assert.Equal(t,
		`x{"data":{"type":"Buffer","data":[1,2,3]},"nil":null,"Deep":{"k":[{"type":"Buffer","data":[4]},null,`+
			`{"type":"Buffer","data":[]}]},"Any":[{"type":"Buffer","data":[5]}]}`, string(p))
}

func TestValuesInsideValuesStayEncoded(t *testing.T) {
	raw, err := codec.RawJSON([]byte(`{"z":1,"a":[ 2 ]}`))
	require.NoError(t, err)
	binary, err := codec.NewValue([]byte{7})
	require.NoError(t, err)
	args, err := codec.NewArgs("ev", 1)
	require.NoError(t, err)

	v, err := codec.NewValue(map[string]any{"raw": raw, "args": args, "ptr": &raw})
	require.NoError(t, err)
	assert.Equal(t, `{"args":["ev",1],"ptr":{"z":1,"a":[2]},"raw":{"z":1,"a":[2]}}`, v.String())
	assert.Equal(t, codec.JSON, v.Encoding())

	v, err = codec.NewValue([]any{raw, binary, args})
	require.NoError(t, err)
	tree, err := v.Tree()
	require.NoError(t, err)
	assert.Equal(t, []any{
		codec.Object{{Key: "z", Value: int64(1)}, {Key: "a", Value: []any{int64(2)}}},
		[]byte{7},
		[]any{"ev", int64(1)},
	}, tree)

	v, err = codec.NewValue(raw)
	require.NoError(t, err)
	p, ok := v.Bytes(codec.JSON)
	require.True(t, ok)
	assert.Equal(t, `{"z":1,"a":[ 2 ]}`, string(p), "a Value on its own is kept byte for byte")
}
