package userdata_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/cmd/backplane/internal/userdata"
	"github.com/backplane-go/backplane/codec"
)

func TestValue(t *testing.T) {
	raw, err := codec.RawJSON([]byte(`{"b":1,"a":[null]}`))
	require.NoError(t, err)
	for _, c := range []struct {
		value codec.Value
		want  string
	}{
		{codec.Value{}, `null`},
		{raw, `{"b":1,"a":[null]}`},
		{codec.FromTree([]byte{1, 2, 3}), `{"type":"Buffer","base64":"AQID"}`},
		{codec.FromTree([]byte{}), `{"type":"Buffer","base64":""}`},
		{codec.FromTree(codec.Object{{Key: `"z"`, Value: []any{[]byte("x"), "s", int64(-1), true, nil}},
			{Key: "a", Value: math.Inf(1)}}),
			`{"\"z\"":[{"type":"Buffer","base64":"eA=="},"s",-1,true,null],"a":null}`},
		{codec.FromTree([]any{time.Date(2024, 2, 3, 4, 5, 6, 7e6, time.FixedZone("", 3600)), []byte{}}),
			`["2024-02-03T03:05:06.007Z",{"type":"Buffer","base64":""}]`},
	} {
		text, err := json.Marshal(userdata.Value{Value: c.value})
		require.NoError(t, err)
		require.Equal(t, c.want, string(text))
	}
}
