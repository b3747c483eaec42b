package codec_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

func TestElementsShareMemory(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`:                        {},
		` [ 1 , "a" , {"b":[2]} ] `: {`1`, `"a"`, `{"b":[2]}`},
	} {
		v, err := codec.RawJSON([]byte(text))
		require.NoError(t, err)
		tree, err := v.Tree()
		require.NoError(t, err)
		for _, v := range []codec.Value{v, codec.FromTree(tree)} {
			elements, err := v.Elements()
			require.NoError(t, err, "%s", text)
			got := []string{}
			for _, e := range elements {
				got = append(got, e.String())
			}
			assert.Equal(t, want, got)
		}
	}
	bytes, err := codec.FromTree([]any{[]byte("x")}).Elements()
	require.NoError(t, err)
	require.Len(t, bytes, 1)
	tree, err := bytes[0].Tree()
	require.NoError(t, err)
	assert.Equal(t, []byte("x"), tree)

	for _, v := range []codec.Value{{}, codec.FromTree("x"), codec.Raw(codec.JSON, []byte(`{"a":1}`)),
		codec.Raw(codec.JSON, []byte(`[1`))} {
		_, err := v.Elements()
		require.ErrorIs(t, err, codec.ErrMalformed, "%v", v)
	}
}

func TestAppendElementsHonorsItsLimit(t *testing.T) {
	first := codec.FromTree("first")
	for name, v := range map[string]codec.Value{
		"JSON": codec.Raw(codec.JSON, []byte(` [1, "two" ,[3]] `)),
		"Tree": codec.FromTree([]any{int64(1), "two", []byte{3}}),
	} {
		want, err := v.Elements()
		require.NoError(t, err, name)
		require.Len(t, want, 3, name)
		for most, n := range map[int]int{-1: 0, 0: 0, 1: 1, 3: 3, math.MaxInt: 3} {
			got, err := v.AppendElements([]codec.Value{first}, most)
			require.NoError(t, err, name)
			assert.Equal(t, append([]codec.Value{first}, want[:n]...), got, "%s: at most %d", name, most)
		}
	}
	for _, broken := range []codec.Value{codec.Raw(codec.JSON, []byte(`[1,2`)), codec.Raw(codec.JSON, []byte(`{}`)),
		codec.FromTree("text"), {}} {
		got, err := broken.AppendElements([]codec.Value{first}, 5)
		require.ErrorIs(t, err, codec.ErrMalformed)
		assert.Equal(t, []codec.Value{first}, got)
	}
}
