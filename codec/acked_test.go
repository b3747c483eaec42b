package codec_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
)

func TestAckedKeepsAllArguments(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`:                          {`null`},
		`[1]`:                         {`1`},
		`[null]`:                      {`null`},
		` [ 1 , "a,]" , {"b":[2]} ] `: {`1`, `"a,]"`, `{"b":[2]}`},
		`[[1,2],[3]]`:                 {`[1,2]`, `[3]`},
		`[null,null]`:                 {`null`, `null`},
	} {
		raw, err := codec.RawJSON([]byte(text))
		require.NoError(t, err)
		tree, err := raw.Tree()
		require.NoError(t, err)
		for _, array := range []codec.Value{raw, codec.FromTree(tree)} {
			v, err := codec.Acked(array)
			require.NoError(t, err, text)
			assert.Equal(t, want[0], v.String(), text)
			var got []string
			for _, e := range v.All() {
				got = append(got, e.String())
				assert.True(t, e.Rest().IsNull(), "%s: an argument has no Rest", text)
			}
			assert.Equal(t, want, got, text)
		}
	}
	binary, err := codec.Acked(codec.FromTree([]any{"a", []byte("x")}))
	require.NoError(t, err)
	var second []byte
	require.NoError(t, binary.All()[1].Decode(&second))
	assert.Equal(t, []byte("x"), second)

	for _, v := range []codec.Value{{}, codec.FromTree("x"), codec.Raw(codec.JSON, []byte(`{"a":1}`)),
		codec.Raw(codec.JSON, []byte(`[1`)), codec.Raw(codec.JSON, []byte(`[1,`))} {
		_, err := codec.Acked(v)
		require.ErrorIs(t, err, codec.ErrMalformed, "%v", v)
	}
}

func TestRestMustBeANonEmptyArray(t *testing.T) {
	first := codec.FromTree("first")
	for _, rest := range []codec.Value{{}, codec.FromTree("x"), codec.FromTree([]any{}),
		codec.Raw(codec.JSON, []byte(` [ ] `)), codec.Raw(codec.JSON, []byte(`{"0":1}`))} {
		v := first.WithRest(codec.FromTree([]any{"old"})).WithRest(rest)
		assert.True(t, v.Rest().IsNull(), "%v", rest)
		assert.Len(t, v.All(), 1, "%v", rest)
	}
}

func TestAnArgumentIsSentWithoutItsRest(t *testing.T) {
	v := codec.FromTree("first").WithRest(codec.FromTree([]any{"second"}))
	list, err := codec.NewValue([]any{v, 3})
	require.NoError(t, err)
	assert.JSONEq(t, `["first",3]`, list.String())
}
