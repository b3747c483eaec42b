package msgpack_test

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// TestNotepackExtensions lists what notepack.io writes for values that msgpack has no type for, and how the extensions
// that it does not write are read.
func TestNotepackExtensions(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 30, 15, 123e6, time.UTC)
	for name, test := range map[string]struct {
		hex  string
		want any
	}{
		"Undefined":        {"d40000", nil},
		"Date":             {"d7000000018df4d80853", at},
		"DateBefore1970":   {"d700ffffffffffffffff", time.UnixMilli(-1).UTC()},
		"ArrayBuffer":      {"c70300010203", []byte{1, 2, 3}},
		"ArrayBufferOf1":   {"c7010007", []byte{7}},
		"ArrayBufferOf8":   {"c708000102030405060708", []byte{1, 2, 3, 4, 5, 6, 7, 8}},
		"LongArrayBuffer":  {"c8000200cafe", []byte{0xca, 0xfe}},
		"StandardTime":     {"d6ff00000001", time.Unix(1, 0).UTC()},
		"UnknownType":      {"d505cafe", []any{int64(5), []byte{0xca, 0xfe}}},
		"NegativeType":     {"c701fb07", []any{int64(-5), []byte{7}}},
		"FixedOfType0":     {"d500cafe", []any{int64(0), []byte{0xca, 0xfe}}},
		"KeyProto":         {"81a95f5f70726f746f5f5f01", codec.Object{{Key: "__proto__", Value: int64(1)}}},
		"NestedUndefined":  {"92d40000c0", []any{nil, nil}},
		"NumberBeyond2^53": {"cf7fffffffffffffff", int64(math.MaxInt64)},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := hex.DecodeString(test.hex)
			require.NoError(t, err)
			got, err := msgpack.Notepack.Tree(p)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestNotepackTimesAreMilliseconds(t *testing.T) {
	for _, at := range []time.Time{time.UnixMilli(0), time.UnixMilli(1709209815123), time.UnixMilli(-1),
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)} {
		w := msgpack.NewWriter(nil, msgpack.Notepack)
		require.NoError(t, w.Value(codec.FromTree(at)))
		assert.False(t, w.Bytes)
		p := w.Release()
		require.Len(t, p, 10)
		back, err := msgpack.Notepack.Tree(p)
		require.NoError(t, err)
		assert.Equal(t, at.UTC(), back)
	}
}

func TestBytesAreNoticed(t *testing.T) {
	with, err := codec.NewValue(map[string]any{"a": []any{1, "x", []byte{1}}})
	require.NoError(t, err)
	without, err := codec.NewValue(map[string]any{"a": []any{1, "x", strings.Repeat("x", 300)}, "b": 1e300})
	require.NoError(t, err)
	for _, test := range []struct {
		v    codec.Value
		want bool
	}{{with, true}, {without, false}, {codec.Raw(msgpack.Notepack, []byte{0x91, 0xc7, 1, 0, 5}), true},
		{codec.Raw(msgpack.Notepack, []byte{0x92, 0xd4, 0, 0, 0xc0}), false}} {
		w := msgpack.NewWriter(nil, msgpack.Notepack)
		require.NoError(t, w.Value(test.v))
		assert.Equal(t, test.want, w.Bytes, "%v", test.v)
		p := bytes.Clone(w.Release())
		assert.Equal(t, test.want, msgpack.Notepack.HasBytes(p), "%v", test.v)
	}
}

func TestUnknownExtensionsCountAsLevels(t *testing.T) {
	deep := func(levels int) []byte {
		return append(bytes.Repeat([]byte{0x91}, levels), 0xd4, 5, 1)
	}
	_, err := msgpack.Notepack.Tree(deep(codec.MaxDepth - 1))
	require.NoError(t, err)
	_, err = msgpack.Notepack.Tree(deep(codec.MaxDepth))
	require.ErrorIs(t, err, codec.ErrDepth)
	_, err = msgpack.Standard.Tree(deep(0))
	require.ErrorIs(t, err, codec.ErrMalformed, "@msgpack/msgpack knows no other extension")
}

func FuzzNotepack(f *testing.F) {
	for _, s := range []string{"d40000", "c70300010203", "92d700000000000000000180", "81a161c0", "dfffffffff"} {
		p, _ := hex.DecodeString(s)
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		tree, err := msgpack.Notepack.Tree(p)
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			return
		}
		w := msgpack.NewWriter(nil, msgpack.Notepack)
		if err := w.Value(codec.FromTree(tree)); err != nil {
			w.Release()
			return // a key __proto__
		}
		noticed := w.Bytes
		q := bytes.Clone(w.Release())
		require.Equal(t, noticed, msgpack.Notepack.HasBytes(q))
		require.Equal(t, noticed, msgpack.Notepack.HasBytes(p))
		again, err := msgpack.Notepack.Tree(q)
		require.NoError(t, err)
		w = msgpack.NewWriter(nil, msgpack.Notepack)
		require.NoError(t, w.Value(codec.FromTree(again)))
		require.Equal(t, q, w.Release())
	})
}
