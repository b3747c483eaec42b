package emitter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/emitter"
)

// merging is a bus that merges equal messages, as PostgreSQL does within a transaction.
type merging struct{ *recorder }

func (merging) Transactional() {}

func TestEqualMessagesDifferInATransactionWhateverTheCodec(t *testing.T) {
	for name, c := range map[string]codec.Codec{"jsonmsgpack": jsonmsgpack.Codec{}, "cbor": cbor.Codec{}} {
		t.Run(name, func(t *testing.T) {
			rec := &recorder{limits: postgresLimits}
			outside, err := emitter.New(emitter.Config{Bus: rec, Codec: c})
			require.NoError(t, err)
			require.NoError(t, outside.Emit(within(t), "same"))
			require.NoError(t, outside.Emit(within(t), "same"))
			for range 2 {
				require.NoError(t, outside.With(merging{rec}).Emit(within(t), "same"))
			}
			sent := rec.sent()
			require.Equal(t, sent[0], sent[1], "outside of a transaction messages may be equal")
			require.Len(t, map[string]bool{sent[0]: true, sent[2]: true, sent[3]: true}, 3)
			for _, line := range sent {
				_, payload, _ := strings.Cut(line, " ")
				env, err := c.Parse([]byte(payload), codec.Text)
				require.NoError(t, err)
				require.Equal(t, `["same"]`, env.Args.String())
				require.Zero(t, env.Nonce, "nodes do not read the nonce")
			}
		})
	}
}

// TestFailedAttachmentSendsNothingOfTheTransaction: after an error the transaction is over.
func TestFailedAttachmentSendsNothingOfTheTransaction(t *testing.T) {
	rec := &recorder{limits: postgresLimits}
	outside, err := emitter.New(emitter.Config{Bus: rec})
	require.NoError(t, err)
	b := outside.With(merging{rec}).Batch()
	for _, arg := range []any{1, []byte("x"), 3, []byte("y")} {
		require.NoError(t, b.Emit(within(t), "e", arg))
	}
	rec.fail(nil, errAborted)
	var failed *emitter.BatchError
	require.ErrorAs(t, b.Send(within(t)), &failed)
	require.Equal(t, []int{0, 1, 2, 3}, failed.Unsent)
	require.ErrorIs(t, failed, errAborted)
	require.Empty(t, rec.sent())
	require.Equal(t, 1, rec.puts, "the store is not called after the error")
}
