package jsonmsgpack_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// Valid further arguments of an answer are used. Invalid ones do not invalidate the answer.
func TestInvalidFurtherArgumentsAreIgnored(t *testing.T) {
	for rest, want := range map[string][]string{
		`[2,"c"]`: {`1`, `2`, `"c"`}, `[null]`: {`1`, `null`}, `[]`: {`1`}, `null`: {`1`}, `5`: {`1`}, `"x"`: {`1`},
		`{"0":2}`: {`1`}, `false`: {`1`},
	} {
		for _, text := range []string{
			`{"uid":"0123456789abcdef","type":12,"nsp":"/","data":{"requestId":"r","packet":1,"rest":` + rest + `}}`,
			`{"uid":"0123456789abcdef","type":10,"nsp":"/","data":{"rest":` + rest + `,"packet":1,"requestId":"r"}}`,
		} {
			env, err := jsonmsgpack.Codec{}.Parse([]byte(text), codec.Text)
			require.NoError(t, err, text)
			var got []string
			for _, v := range env.Value.All() {
				got = append(got, v.String())
			}
			assert.Equal(t, want, got, text)
		}
	}
}

// Without further arguments the message is the same as Node.js's.
func TestAnAnswerWithOneArgumentHasNoRest(t *testing.T) {
	v, err := codec.Acked(codec.FromTree([]any{"only"}))
	require.NoError(t, err)
	p, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.BroadcastAck, UID: "u", NSP: "/",
		RequestID: "r", Value: v}, codec.Text)
	require.NoError(t, err)
	assert.Equal(t,
		`{"uid":"u","type":12,"nsp":"/","source":"_sio_adapter","data":{"packet":"only","requestId":"r"}}`, string(p))
}
