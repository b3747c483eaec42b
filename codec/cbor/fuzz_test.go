package cbor_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

func FuzzParse(f *testing.F) {
	for _, g := range golden(f) {
		f.Add(unhex(f, g.hex))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		env, err := cbor.Codec{}.Parse(bytes.Clone(p), codec.Binary)
		text := []byte(base64.RawURLEncoding.EncodeToString(p))
		fromText, textErr := cbor.Codec{}.Parse(text, codec.Text)
		require.Equal(t, err == nil, textErr == nil)
		own := cbor.Codec{}.SentBy(p, codec.Binary, "u")
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			require.Nil(t, env)
			return
		}
		require.Equal(t, env, fromText)
		require.True(t, !own || env.UID == "u")

		env.Skipped = 0
		if env.AttachmentID == "" {
			env.RequesterUID = "" // only references are written with it
		}

		// Encoding and parsing again must give the same envelope, with this codec and, for what it supports, with
		// the other one.
		out, err := cbor.Codec{}.Append(nil, env, codec.Binary)
		if env.Opts.Nobody {
			require.ErrorIs(t, err, codec.ErrNobody)
			return
		}
		if err != nil {
			require.False(t, env.Type.Known(), "%v", err)
			return
		}
		again, err := cbor.Codec{}.Parse(out, codec.Binary)
		require.NoError(t, err)
		require.Equal(t, describe(env), describe(again))
		out2, err := cbor.Codec{}.Append(nil, again, codec.Binary)
		require.NoError(t, err)
		require.Equal(t, out, out2, "the encoding is deterministic")
		require.Equal(t, env.UID != "" && env.Type >= 0, cbor.Codec{}.SentBy(out, codec.Binary, env.UID),
			"SentBy must find the sender that Append wrote")
		if p, err := (jsonmsgpack.Codec{}).Append(nil, env, codec.Binary); err == nil {
			_, err := jsonmsgpack.Codec{}.Parse(p, codec.Binary)
			require.NoError(t, err)
		}
	})
}

func FuzzTree(f *testing.F) {
	for _, s := range []string{"f6", "83010203", "a26161016162f5", "c074323031332d30332d32315432303a30343a30305a",
		"c11a514b67b0", "d90106427b7d", "fb7ff0000000000000", "4401020304", "3903e7"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		tree, err := cbor.CBOR.Tree(p)
		if err != nil {
			require.ErrorIs(t, err, codec.ErrMalformed)
			return
		}
		v := codec.Raw(cbor.CBOR, p)
		text, err := v.MarshalJSON()
		require.NoError(t, err)
		require.True(t, json.Valid(text))
		var into any
		require.NoError(t, v.Decode(&into))
		_ = tree
		if a, err := codec.ArgsOf(v); err == nil {
			values, err := a.Values()
			require.NoError(t, err)
			require.Len(t, values, a.Len())
		}
	})
}

// describe returns an envelope as JSON, with bytes in base64.
func describe(env *codec.Envelope) string {
	p, err := json.Marshal(env)
	if err != nil {
		return err.Error()
	}
	return string(p)
}
