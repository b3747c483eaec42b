package codec_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// carried returns v as it arrives through each codec, and v itself.
func carried(t *testing.T, v codec.Value) map[string]codec.Value {
	t.Helper()
	out := map[string]codec.Value{"native": v}
	for name, c := range map[string]codec.Codec{"msgpack": jsonmsgpack.Codec{}, "cbor": cbor.Codec{}} {
		p, err := c.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, Value: v}, codec.Binary)
		require.NoError(t, err)
		env, err := c.Parse(p, codec.Binary)
		require.NoError(t, err)
		out[name] = env.Value
	}
	return out
}

type Base struct {
	Blob []byte
	Name string
}

type target struct {
	*Base
	ID      int              `json:"id"`
	Blobs   [][]byte         `json:"blobs"`
	ByKey   map[int][]byte   `json:"byKey"`
	Any     any              `json:"any"`
	Fixed   [4]byte          `json:"fixed"`
	Ptr     *[]byte          `json:"ptr"`
	Quoted  int              `json:"quoted,string"`
	List    []Base           `json:"list"`
	Pair    [2]any           `json:"pair"`
	Value   codec.Value      `json:"value"`
	Args    codec.Args       `json:"args"`
	Raw     json.RawMessage  `json:"raw"`
	When    time.Time        `json:"when"`
	WhenS   string           `json:"whenS"`
	Untyped map[string]any   `json:"untyped"`
	Nested  map[string]*Base `json:"nested"`
}

func TestBytesAreDecodedIntoAllKindsOfTargets(t *testing.T) {
	when := time.Date(2024, 5, 6, 7, 8, 9, 120_000_000, time.UTC)
	o := codec.Object{
		{Key: "blob", Value: []byte{1}}, // matched without regard to case, and promoted from an embedded struct
		{Key: "Name", Value: "n"},
		{Key: "id", Value: int64(7)},
		{Key: "blobs", Value: []any{[]byte{2}, nil, []byte{}}},
		{Key: "byKey", Value: codec.Object{{Key: "-5", Value: []byte{3}}, {Key: "6", Value: nil}}},
		{Key: "any", Value: []byte{4}},
		{Key: "fixed", Value: []byte{5, 6}},
		{Key: "ptr", Value: []byte{7}},
		{Key: "quoted", Value: "12"},
		{Key: "list", Value: []any{codec.Object{{Key: "Blob", Value: []byte{8}}},
			codec.Object{{Key: "Name", Value: "x"}}}},
		{Key: "pair", Value: []any{[]byte{9}, 1.5, "surplus"}},
		{Key: "value", Value: []byte{10}},
		{Key: "args", Value: []any{"ev", []byte{11}}},
		{Key: "raw", Value: []any{[]byte{12}}},
		{Key: "when", Value: when},
		{Key: "whenS", Value: when},
		{Key: "untyped", Value: codec.Object{{Key: "a", Value: []any{[]byte{13}, int64(1), when}},
			{Key: "b", Value: uint64(1 << 63)}}},
		{Key: "nested", Value: codec.Object{{Key: "k", Value: codec.Object{{Key: "BLOB", Value: []byte{14}}}}}},
		{Key: "unknown", Value: []byte{15}},
	}
	for name, v := range carried(t, codec.FromTree(o)) {
		t.Run(name, func(t *testing.T) {
			got := target{Fixed: [4]byte{9, 9, 9, 9}}
			require.NoError(t, v.Decode(&got))
			assert.Equal(t, &Base{Blob: []byte{1}, Name: "n"}, got.Base)
			assert.Equal(t, 7, got.ID)
			assert.Equal(t, [][]byte{{2}, nil, {}}, got.Blobs)
			assert.Equal(t, map[int][]byte{-5: {3}, 6: nil}, got.ByKey)
			assert.Equal(t, []byte{4}, got.Any)
			assert.Equal(t, [4]byte{5, 6}, got.Fixed)
			assert.Equal(t, []byte{7}, *got.Ptr)
			assert.Equal(t, 12, got.Quoted)
			assert.Equal(t, []Base{{Blob: []byte{8}}, {Name: "x"}}, got.List)
			assert.Equal(t, [2]any{[]byte{9}, 1.5}, got.Pair)
			assert.Equal(t, `"Cg=="`, got.Value.String())
			assert.Equal(t, "ev", got.Args.Event())
			assert.Equal(t, `["ev","Cw=="]`, got.Args.String())
			assert.Equal(t, `["DA=="]`, string(got.Raw))
			assert.Equal(t, when, got.When.UTC())
			assert.Equal(t, "2024-05-06T07:08:09.120Z", got.WhenS)
			assert.Equal(t, map[string]any{"a": []any{[]byte{13}, 1.0, "2024-05-06T07:08:09.120Z"},
				"b": 9223372036854775808.0}, got.Untyped)
			assert.Equal(t, map[string]*Base{"k": {Blob: []byte{14}}}, got.Nested)

			var untyped any
			require.NoError(t, v.Decode(&untyped))
			m := untyped.(map[string]any)
			assert.Equal(t, []byte{1}, m["blob"])
			assert.Equal(t, 7.0, m["id"], "numbers are float64, as in encoding/json")
		})
	}
}

func TestDecodedBytesAreACopy(t *testing.T) {
	for name, v := range carried(t, codec.FromTree([]any{[]byte{1, 2}})) {
		var a, b [][]byte
		var c any
		require.NoError(t, v.Decode(&a))
		a[0][0] = 99
		a[0] = append(a[0][:1], 98)
		require.NoError(t, v.Decode(&c))
		c.([]any)[0].([]byte)[1] = 97
		require.NoError(t, v.Decode(&b))
		assert.Equal(t, [][]byte{{1, 2}}, b, name)
	}
}

func TestNodeBuffersInJSONAreBytes(t *testing.T) {
	v, err := codec.RawJSON([]byte(`{"id":1,"blobs":[{"type":"Buffer","data":[1,255]},{"data":[],` +
		`"type":"Buffer"}],"any":{"type":"Buffer","data":[1]},"fixed":{"type":"Buffer","data":[1]}}`))
	require.NoError(t, err)
	var got target
	require.NoError(t, v.Decode(&got))
	assert.Equal(t, 1, got.ID)
	assert.Equal(t, [][]byte{{1, 255}, {}}, got.Blobs)
	assert.Equal(t, [4]byte{1}, got.Fixed)
	assert.IsType(t, map[string]any{}, got.Any, "a Buffer becomes bytes only in a target that takes bytes")

	for _, text := range []string{
		`{"type":"Buffer","data":[256]}`, `{"type":"Buffer","data":[-1]}`, `{"type":"Buffer","data":[1.5]}`,
		`{"type":"Buffer"}`, `{"type":"Buffer","data":[1],"more":1}`, `{"type":"Buffer","data":"x"}`,
		`{"type":"buffer","data":[1]}`,
	} {
		v, err := codec.RawJSON([]byte(text))
		require.NoError(t, err)
		var b []byte
		assert.Error(t, v.Decode(&b), text)
		var o map[string]any
		assert.NoError(t, v.Decode(&o), text)
	}
}

func TestDecodeMismatchesAreErrors(t *testing.T) {
	tree := codec.Object{{Key: "k", Value: []any{[]byte{1}}}}
	for name, v := range carried(t, codec.FromTree(tree)) {
		for _, into := range []any{
			new(string), new(int), new([]byte), new([]any), new(map[string]string), new(map[string]int),
			new(map[string][]string), new(map[bool]any), new(struct{ K string }), new(struct{ K []int }),
			new(struct{ K error }), new(chan int),
		} {
			assert.Error(t, v.Decode(into), "%s into %T", name, into)
		}
		assert.Error(t, v.Decode(nil))
		assert.Error(t, v.Decode(target{}))
		assert.Error(t, v.Decode((*target)(nil)))
	}
}

type selfPointer *selfPointer

func TestUnusualTargetsCauseNoPanic(t *testing.T) {
	v := codec.FromTree([]any{[]byte{1}})
	var p selfPointer
	p = &p
	assert.Error(t, v.Decode(&p))
	var a any
	a = &a
	assert.NotPanics(t, func() { _ = v.Decode(&a) })

	var list []any
	list = []any{list}
	list[0] = list
	cyclic := codec.FromTree(list)
	var into any
	assert.ErrorIs(t, cyclic.Decode(&into), codec.ErrDepth)
	_, err := cyclic.JSON()
	assert.ErrorIs(t, err, codec.ErrDepth)
	_, err = codec.NewValue(map[string]codec.Value{"v": cyclic})
	assert.ErrorIs(t, err, codec.ErrDepth)
}

func TestNullLeavesTargetsAsEncodingJSONDoes(t *testing.T) {
	for name, v := range carried(t, codec.Value{}) {
		n, s, m := 5, []int{1}, map[string]int{"a": 1}
		require.NoError(t, v.Decode(&n))
		require.NoError(t, v.Decode(&s))
		require.NoError(t, v.Decode(&m))
		assert.Equal(t, 5, n, name)
		assert.Nil(t, s, name)
		assert.Nil(t, m, name)
	}
}

func TestTimesBeyondJavaScriptAreNull(t *testing.T) {
	for _, sec := range []int64{1 << 60, -1 << 60} {
		v := codec.FromTree(time.Unix(sec, 0))
		var a any = 1
		require.NoError(t, v.Decode(&a))
		assert.Nil(t, a)
		assert.Equal(t, "null", v.String())
	}
	assert.Equal(t, `"+010000-01-01T00:00:00.000Z"`, codec.FromTree(time.Date(10000, 1, 1, 0, 0, 0, 0,
		time.UTC)).String())
	assert.Equal(t, `"-000001-01-01T00:00:00.000Z"`, codec.FromTree(time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)).String())
	assert.Equal(t, `"0000-01-01T00:00:00.000Z"`, codec.FromTree(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)).String())
}

func TestDecodeMergesIntoExistingValues(t *testing.T) {
	v := codec.FromTree(codec.Object{{Key: "k", Value: []byte{1}}, {Key: "n", Value: int64(2)}})
	m := map[string]any{"old": true}
	require.NoError(t, v.Decode(&m))
	assert.Equal(t, map[string]any{"old": true, "k": []byte{1}, "n": 2.0}, m)

	s := struct {
		K []byte
		N int
	}{}
	var a any = &s
	require.NoError(t, v.Decode(&a))
	assert.Equal(t, []byte{1}, s.K, "Decode follows a pointer in an interface")
	assert.Equal(t, 2, s.N)
}

// FuzzDecode searches for panics when decoding into targets of all kinds.
func FuzzDecode(f *testing.F) {
	for _, tree := range []any{
		codec.Object{{Key: "blob", Value: []byte{1}}, {Key: "byKey",
			Value: codec.Object{{Key: "-5", Value: []byte{3}}}}, {Key: "when", Value: time.Unix(1, 0)}},
		codec.Object{{Key: "list", Value: []any{codec.Object{{Key: "Blob", Value: []byte{8}}}}},
			{Key: "pair", Value: []any{[]byte{9}, 1.5}}, {Key: "args", Value: []any{"ev", []byte{1}}}},
		codec.Object{{Key: "blobs", Value: []any{codec.Object{{Key: "type", Value: "Buffer"},
			{Key: "data", Value: []any{int64(1)}}}}}, {Key: "nested",
			Value: codec.Object{{Key: "k", Value: codec.Object{{Key: "BLOB", Value: []byte{14}}}}}}},
		codec.Object{{Key: "untyped", Value: codec.Object{{Key: "a", Value: []any{[]byte{13}}}}},
			{Key: "raw", Value: []byte{1}}, {Key: "value", Value: []byte{1}}, {Key: "fixed", Value: []byte{1}},
			{Key: "ptr", Value: []byte{1}}},
	} {
		p, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck,
			Value: codec.FromTree(tree)}, codec.Binary)
		require.NoError(f, err)
		env, err := jsonmsgpack.Codec{}.Parse(p, codec.Binary)
		require.NoError(f, err)
		raw, _ := env.Value.Bytes(jsonmsgpack.Msgpack)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		v := codec.Raw(jsonmsgpack.Msgpack, p)
		tree, err := v.Tree()
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			return
		}
		native := codec.FromTree(tree)
		for _, into := range []func() any{
			func() any { return new(target) }, func() any { return new(any) }, func() any { return new([]byte) },
			func() any { return new([][]any) },
			func() any { return new(map[string]codec.Value) }, func() any { return new(map[int16]*[]Base) },
			func() any { return new([2]Base) }, func() any { return new(time.Time) },
			func() any { return new(codec.Args) }, func() any { return new(struct{ *hidden }) },
		} {
			a, b := into(), into()
			errA, errB := v.Decode(a), native.Decode(b)
			require.Equal(t, errA == nil, errB == nil)
			require.Equal(t, jsonOf(a), jsonOf(b))
		}
		again, err := codec.NewValue(map[string]any{"v": native, "b": []byte{1}})
		if err == nil {
			sub, err := again.Tree()
			require.NoError(t, err)
			got, _ := sub.(codec.Object).Lookup("v")
			require.Equal(t, native.String(), codec.FromTree(got).String())
		}
	})
}

type hidden struct{ Blob []byte }

func jsonOf(v any) string {
	p, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(p)
}

func TestEmbeddedPointersToUnexportedStructsAreErrors(t *testing.T) {
	var into struct{ *hidden }
	err := codec.FromTree(codec.Object{{Key: "Blob", Value: []byte{1}}}).Decode(&into)
	require.ErrorContains(t, err, "unexported")
	into.hidden = &hidden{}
	require.NoError(t, codec.FromTree(codec.Object{{Key: "Blob", Value: []byte{1}}}).Decode(&into))
	assert.Equal(t, []byte{1}, into.Blob)
}
