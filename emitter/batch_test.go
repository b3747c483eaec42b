package emitter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/transport"
)

func TestBatch(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		cluster := w.cluster(t)
		main, admin := w.namespace(t, cluster, "/"), w.namespace(t, cluster, "/admin")
		m, r, o := main.join("r"), admin.join("r"), admin.join()
		b := main.emitter.Batch()
		ctx := within(t)
		var want []string
		for i := range 100 {
			require.NoError(t, b.To("r").Emit(ctx, "same"))
			require.NoError(t, b.Emit(ctx, "n", i, strings.Repeat("x", i%5*3000)))
			want = append(want, `["same"]`, fmt.Sprintf(`["n",%d,"%s"]`, i, strings.Repeat("x", i%5*3000)))
		}
		require.NoError(t, b.Of("/admin").SocketsJoin(ctx, "r"))
		require.NoError(t, b.Of("/admin").To("r").Emit(ctx, "admin", []byte{1}))
		require.NoError(t, b.ServerSideEmit(ctx, "rehash"))
		require.Equal(t, 203, b.Len())
		main.fence(m)
		require.NoError(t, b.Send(ctx))
		require.Zero(t, b.Len())
		m.expect(want...)
		r.expect(`["admin","AQ=="]`)
		o.expect(`["admin","AQ=="]`)
		require.Equal(t, `["rehash"]`, <-main.server)
		require.NoError(t, b.Send(ctx), "sending an empty batch does nothing")
		main.fence(m)
		admin.fence(r, o)
	})
}

func TestBatchIsOneRoundTrip(t *testing.T) {
	rec := &recorder{limits: postgresLimits}
	e, err := emitter.New(emitter.Config{Bus: rec})
	require.NoError(t, err)
	b := e.Batch()
	for i := range 50 {
		require.NoError(t, b.Emit(within(t), "e", i))
	}
	require.Error(t, b.Emit(within(t), "disconnect"), "the message is not in the batch")
	require.NoError(t, b.Send(within(t)))
	require.Equal(t, []int{50}, rec.rounds)
}

// faulty is a bus that refuses the event "bad" and reports how many messages it sent before.
type faulty struct{ *recorder }

func (f faulty) Publish(ctx context.Context, msgs ...transport.Message) error {
	for i, m := range msgs {
		if strings.Contains(string(m.Payload), `["bad"]`) {
			_ = f.recorder.Publish(ctx, msgs[:i]...)
			return &transport.RejectedError{Accepted: i, Err: errors.New("bad")}
		}
	}
	return f.recorder.Publish(ctx, msgs...)
}

func TestBatchErrorNamesUnsentMessages(t *testing.T) {
	rec := new(recorder)
	e, err := emitter.New(emitter.Config{Bus: faulty{rec}})
	require.NoError(t, err)
	b := e.Batch()
	for _, event := range []string{"1", "bad", "3", "bad", "5"} {
		require.NoError(t, b.Emit(within(t), event))
	}
	var failed *emitter.BatchError
	require.ErrorAs(t, b.Send(within(t)), &failed)
	require.Equal(t, 5, failed.Messages)
	require.Equal(t, []int{1, 3}, failed.Unsent)
	require.Len(t, rec.sent(), 3)

	cancelled, cancel := context.WithCancel(within(t))
	cancel()
	require.NoError(t, b.Emit(cancelled, "kept"))
	require.ErrorIs(t, b.Send(cancelled), context.Canceled)
	require.Equal(t, 1, b.Len())
	require.NoError(t, b.Send(within(t)))
	require.Len(t, rec.sent(), 4)
}
