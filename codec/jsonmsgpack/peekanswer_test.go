package jsonmsgpack_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// TestPeekAnswerFindsTheAnswersOfNodes: in text form, of the types whose data begins with the request's id.
func TestPeekAnswerFindsTheAnswersOfNodes(t *testing.T) {
	for _, kind := range []codec.Type{codec.FetchSocketsResponse, codec.BroadcastClientCount} {
		env := &codec.Envelope{Type: kind, UID: "0123456789abcdef", NSP: "/chät", RequestID: "fedcba9876543210",
			Sockets: []codec.Socket{{ID: strings.Repeat("x", 1000)}}}
		p, err := jsonmsgpack.Codec{}.Append(nil, env, codec.Text)
		require.NoError(t, err)
		want := &codec.Envelope{Type: kind, UID: env.UID, NSP: env.NSP, RequestID: env.RequestID}
		require.Equal(t, want, jsonmsgpack.Codec{}.PeekAnswer(p, codec.Text), "%s", p)
		for n := range strings.Index(string(p), `fedcba9876543210"`) + len(`fedcba9876543210`) {
			require.Nil(t, jsonmsgpack.Codec{}.PeekAnswer(p[:n], codec.Text), "%s", p[:n])
		}
	}
}

func TestPeekAnswerLeavesTheRestToParse(t *testing.T) {
	for _, text := range []string{
		`{"uid":"u","type":3,"nsp":"/","source":"_sio_adapter","data":{"requestId":"r"}}`,
		`{"uid":"u","type":8888,"nsp":"/","source":"_sio_adapter","data":{"requestId":"r"}}`,
		`{"uid":"u","type":8,"nsp":"/","data":{"requestId":"r"}}`,
		`{"uid":"u","type":8,"nsp":"\/","source":"_sio_adapter","data":{"requestId":"r"}}`,
		`{"uid":"u\u0000","type":8,"nsp":"/","source":"_sio_adapter","data":{"requestId":"r"}}`,
		"{\"uid\":\"\xff\",\"type\":8,\"nsp\":\"/\",\"source\":\"_sio_adapter\",\"data\":{\"requestId\":\"r\"}}",
		`{"type":8,"data":{"requestId":"r","sockets":[]},"uid":"u","nsp":"/"}`,
	} {
		assert.Nil(t, jsonmsgpack.Codec{}.PeekAnswer([]byte(text), codec.Text), text)
		assert.Nil(t, jsonmsgpack.Codec{}.PeekAnswer([]byte(text), codec.Binary), text)
	}
}
