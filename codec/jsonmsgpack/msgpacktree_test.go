package jsonmsgpack_test

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// untag converts a value that vectors.js wrote to a tree.
func untag(t *testing.T, v any) any {
	t.Helper()
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = untag(t, e)
		}
		return list
	case map[string]any:
		for tag, e := range v {
			switch tag {
			case "$undefined":
				return nil
			case "$date":
				return time.UnixMilli(int64(e.(float64))).UTC()
			case "$bytes":
				p, err := hex.DecodeString(e.(string))
				require.NoError(t, err)
				return p
			case "$number":
				f, err := strconv.ParseFloat(e.(string), 64)
				require.NoError(t, err)
				return f
			case "$map":
				o := codec.Object{}
				for _, pair := range e.([]any) {
					pair := pair.([]any)
					o = append(o, codec.Member{Key: pair[0].(string), Value: untag(t, pair[1])})
				}
				return o
			}
		}
		t.Fatalf("unknown tag in %v", v)
	}
	return v
}

// msgpackOf returns v as the codec encodes it.
func msgpackOf(t testing.TB, v codec.Value) []byte {
	t.Helper()
	env := &codec.Envelope{Type: codec.BroadcastAck, Value: v}
	p, err := jsonmsgpack.Codec{}.Append(nil, env, codec.Binary)
	require.NoError(t, err)
	back, err := jsonmsgpack.Codec{}.Parse(p, codec.Binary)
	require.NoError(t, err)
	if back.Value.IsNull() {
		return []byte{0xc0}
	}
	raw, ok := back.Value.Bytes(jsonmsgpack.Msgpack)
	require.True(t, ok)
	return raw
}

// normal converts floats that hold integers to integers, as msgpack does.
func normal(t any) any {
	switch v := t.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) <= 1<<53-1 {
			return int64(v)
		}
		if v != v {
			return "NaN" // so that it equals itself
		}
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case codec.Object:
		for i := range v {
			v[i].Value = normal(v[i].Value)
		}
	case time.Time:
		return v.UTC()
	}
	return t
}

func TestMsgpackEqualsThatOfNode(t *testing.T) {
	for _, m := range readVectors(t).Msgpack {
		var tagged any
		require.NoError(t, json.Unmarshal(m.Value, &tagged))
		tree := untag(t, tagged)
		if f, ok := tree.(float64); ok && f == 0 && math.Signbit(f) {
			continue // Node.js writes 0: see TestIntegersAndMinusZeroAreExact
		}
		assert.Equal(t, m.Msgpack, hex.EncodeToString(msgpackOf(t, codec.FromTree(tree))), "%.60s", m.Value)

		raw, err := hex.DecodeString(m.Msgpack)
		require.NoError(t, err)
		back, err := jsonmsgpack.Msgpack.Tree(raw)
		require.NoError(t, err)
		assert.Equal(t, normal(tree), normal(back), "%.60s", m.Value)

		// The same from JSON, where JSON can represent it.
		text, err := codec.FromTree(tree).JSON()
		if err != nil || strings.Contains(string(m.Value), "$date") || strings.Contains(string(m.Value), "N") ||
			strings.Contains(string(m.Value), "Inf") {
			continue
		}
		v, err := codec.RawJSON(text)
		require.NoError(t, err)
		assert.Equal(t, m.Msgpack, hex.EncodeToString(msgpackOf(t, v)), "%.60s", text)
	}
}

// Integers that JavaScript cannot represent are encoded so that Node.js decodes the nearest number and Go the exact
// one.
func TestIntegersAndMinusZeroAreExact(t *testing.T) {
	for text, want := range map[string]string{
		"9007199254740993":     "d30020000000000001",
		"-9007199254740993":    "d3ffdfffffffffffff",
		"9223372036854775807":  "d37fffffffffffffff",
		"-9223372036854775808": "d38000000000000000",
		"9223372036854775808":  "cf8000000000000000",
		"18446744073709551615": "cfffffffffffffffff",
		"4611686018427387904":  "d34000000000000000", // 2^62, which JavaScript writes as …388000
		"4611686018427388000":  "cb43d0000000000000",
		"1000000000000000000":  "cb43abc16d674ec800",
		"-0":                   "cb8000000000000000",
		"-0.0":                 "cb8000000000000000",
		"0.0":                  "00",
	} {
		v, err := codec.RawJSON([]byte(text))
		require.NoError(t, err)
		raw := msgpackOf(t, v)
		assert.Equal(t, want, hex.EncodeToString(raw), text)
		tree, err := v.Tree()
		require.NoError(t, err)
		assert.Equal(t, want, hex.EncodeToString(msgpackOf(t, codec.FromTree(tree))), "the tree of %s", text)
		back := codec.Raw(jsonmsgpack.Msgpack, raw).String()
		if !strings.Contains(text, ".") {
			assert.Equal(t, text, back)
		}
	}
}
