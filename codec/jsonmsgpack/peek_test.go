package jsonmsgpack_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

func TestSentByFindsTheSender(t *testing.T) {
	for _, uid := range []string{"0123456789abcdef", "u", "", "é", strings.Repeat("u", 40), strings.Repeat("u", 300)} {
		for _, env := range []*codec.Envelope{
			{Type: codec.Heartbeat},
			{Type: codec.AdapterClose, NSP: "/n"},
			{Type: codec.Broadcast, NSP: "/n", Nonce: 7, Args: args(t, "e", strings.Repeat("x", 1000))},
			{Type: codec.FetchSocketsResponse, NSP: "/n"},
			{Type: codec.Broadcast, NSP: "/n", AttachmentID: "1", RequesterUID: "x"},
		} {
			env.UID = uid
			for _, f := range both {
				p, err := jsonmsgpack.Codec{}.Append(nil, env, f)
				require.NoError(t, err)
				assert.True(t, jsonmsgpack.Codec{}.SentBy(p, f, uid), "%q", p)
				for _, other := range []string{uid + "u", "x", "/n", "e"} {
					assert.Equal(t, other == uid, jsonmsgpack.Codec{}.SentBy(p, f, other), "%q in %q", other, p)
				}
				assert.Zero(t, testing.AllocsPerRun(100, func() { jsonmsgpack.Codec{}.SentBy(p, f, uid) }))
				assert.Zero(t, testing.AllocsPerRun(100, func() {
					jsonmsgpack.Codec{}.SentBy(p, f,
						"fedcba9876543210")
				}))
			}
		}
	}
}

func TestSentByIsFalseForBrokenMessages(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `[]`, `{"uid":"`, `{"uid":"u`, `{"uid":"u"`, `{"uid":"u","typ`, `{"uid":null,"type":3}`,
		`{"type":3,"uid":"u"}`, `{"uid": "u","type":3}`, `{"uid":"u\u0000","type":3}`,
		`{"nsp":"u","type":3}`, `{"type":3,"data":{},"uid":"u","nsp":"/"}`,
	} {
		for _, uid := range []string{"u", "", `u\u0000`, "u\x00"} {
			assert.False(t, jsonmsgpack.Codec{}.SentBy([]byte(text), codec.Text, uid), "%q in %s", uid, text)
		}
		assert.False(t, jsonmsgpack.Codec{}.SentBy([]byte(text), codec.Binary, "u"), text)
		assert.False(t, jsonmsgpack.Codec{}.SentBy([]byte(text), 0, "u"), text)
	}
	p, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.Heartbeat, UID: "u"}, codec.Binary)
	require.NoError(t, err)
	for n := range len(p) - len("\x02\xa6source\xad_sio_adapter") {
		assert.False(t, jsonmsgpack.Codec{}.SentBy(p[:n], codec.Binary, "u"))
	}
	raw := `{"uid":"a","type":3,"uid":"b","type":3}`
	assert.False(t, jsonmsgpack.Codec{}.SentBy([]byte(raw), codec.Text, `a","type":3,"uid":"b`),
		"a uid that contains the text after the sender")
}
