package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

type loop struct {
	Next *loop
	Any  any
}

func TestUnsupportedValuesAreErrors(t *testing.T) {
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	ring := &loop{}
	ring.Next = ring
	binaryRing := &loop{Any: []byte{1}}
	binaryRing.Next = binaryRing
	list := make([]any, 1)
	list[0] = list
	var deep any = "x"
	for range codec.MaxDepth {
		deep = []any{deep}
	}
	var deepBinary any = []byte("x")
	for range codec.MaxDepth {
		deepBinary = []any{deepBinary}
	}
	for name, v := range map[string]any{
		"NaN": math.NaN(), "Inf": math.Inf(1), "NaNInside": []float64{math.NaN()}, "Channel": make(chan int),
		"Func":       func() {},
		"FuncInside": map[string]any{"f": func() {}}, "Complex": complex(1, 2), "BadMarshaler": badMarshaler{},
		"CyclicMap": cyclic, "CyclicPointer": ring, "CyclicSlice": list, "CyclicBinary": binaryRing, "Deep": deep,
		"BadNumber": json.Number("1x"), "MapKey": map[complex128]int{1: 1}, "BadRaw": json.RawMessage("{"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := codec.NewValue(v)
			var enc *codec.EncodeError
			require.ErrorAs(t, err, &enc)
			assert.Equal(t, -1, enc.Arg)

			_, err = codec.NewArgs("ev", 1, v)
			require.ErrorAs(t, err, &enc)
			assert.Equal(t, 1, enc.Arg)

			_, err = codec.NewArgs("ev", []byte{1}, v)
			require.ErrorAs(t, err, &enc, "together with bytes")
			assert.Equal(t, 1, enc.Arg)
		})
	}
	_, err := codec.NewValue(deepBinary)
	assert.ErrorIs(t, err, codec.ErrDepth)
	_, err = codec.NewValue(deep)
	assert.ErrorIs(t, err, codec.ErrDepth)
}

type badMarshaler struct{}

func TestDepthLimitIsInclusive(t *testing.T) {
	for _, leaf := range []any{"x", []byte("x")} {
		v := leaf
		for range codec.MaxDepth - 4 {
			v = []any{v}
		}
		_, err := codec.NewValue(v)
		require.NoError(t, err, "%T", leaf)
		_, err = codec.NewValue([]any{v})
		require.ErrorIs(t, err, codec.ErrDepth, "%T", leaf)
	}
	text := strings.Repeat("[", codec.MaxDepth-4) + strings.Repeat("]", codec.MaxDepth-4)
	_, err := codec.RawJSON([]byte(text))
	require.NoError(t, err)
	_, err = codec.RawJSON([]byte("[" + text + "]"))
	require.ErrorIs(t, err, codec.ErrDepth)
	require.ErrorIs(t, err, codec.ErrMalformed)
}

func TestErrorsNameTheArgument(t *testing.T) {
	_, err := codec.NewArgs("ev", 1, map[string]any{"f": func() {}})
	assert.EqualError(t, err, "codec: cannot encode argument 1: json: unsupported type: func()")
	_, err = codec.NewValue(math.NaN())
	assert.EqualError(t, err, "codec: cannot encode: json: unsupported value: NaN")
	_, err = codec.NewArgs("ev", []byte{1}, struct{ F func() }{})
	assert.ErrorContains(t, err, "argument 1")
	assert.ErrorContains(t, err, ".F: ")
	var unsupported *json.UnsupportedTypeError
	assert.ErrorAs(t, err, &unsupported)
}

func TestEncodingIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for range 50 {
				v, err := codec.NewValue(struct {
					E everything
					B []byte
				}{B: []byte{1}})
				require.NoError(t, err)
				var back struct{ B []byte }
				require.NoError(t, v.Decode(&back))
			}
		})
	}
}

func (badMarshaler) MarshalJSON() ([]byte, error) { return nil, errors.New("no") }
