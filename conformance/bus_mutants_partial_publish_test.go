package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// breaksMidPublish makes a Publish of more than 4 MiB stop after ten messages if the connection breaks during
// the call, and return the error of report.
func breaksMidPublish(report func() error) func(t *testing.T, b *bus) {
	return func(_ *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if !isLarge(msgs) {
				return b.Hub.Publish(ctx, msgs...)
			}
			before, start := b.outages.Load(), time.Now()
			if err := b.Hub.Publish(ctx, msgs[:10]...); err != nil {
				return err
			}
			for stalled := time.Since(start) > 10*time.Millisecond; stalled && time.Since(start) < 2*time.Second; {
				if b.outages.Load() != before {
					return report()
				}
				time.Sleep(time.Millisecond)
			}
			return b.Hub.Publish(ctx, msgs[10:]...)
		}
	}
}

func isLarge(msgs []transport.Message) bool {
	size := 0
	for _, m := range msgs {
		size += len(m.Payload)
	}
	return size > 4<<20
}

var errBroken = errors.New("the connection is broken")

var partialPublishMutants = []mutant[conformance.Harness]{
	partialPublishMutant("reports that nothing was accepted",
		func() error { return &transport.RejectedError{Err: errBroken} }),
	partialPublishMutant("reports that nothing was sent", func() error { return transport.ErrNotSent }),
	partialPublishMutant("reports that what it has written was accepted", func() error {
		return &transport.RejectedError{Accepted: 100, Err: errBroken}
	}),
	partialPublishMutant("returns no error", func() error { return nil }),
	breaks("HalfWrittenPublishIsReported",
		"sends part of a batch of more than 4 MiB after the next Publish if its context ends",
		func(_ *testing.T, b *bus) {
			var rest []transport.Message
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				err := b.Hub.Publish(ctx, msgs...)
				switch {
				case err == nil && rest != nil:
					b.Hub.Publish(ctx, rest...)
					rest = nil
				case err != nil && isLarge(msgs):
					for _, m := range msgs[10:20] {
						rest = append(rest, transport.Message{Channel: m.Channel, Payload: bytes.Clone(m.Payload)})
					}
				}
				return err
			}
		}),
	breaks("HalfWrittenPublishIsReported", "does not look at its context while it writes more than 4 MiB",
		func(_ *testing.T, b *bus) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if isLarge(msgs) {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 3*mutantPatience)
					defer cancel()
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
}

func partialPublishMutant(bug string, report func() error) mutant[conformance.Harness] {
	return breaks("HalfWrittenPublishIsReported", bug+" when the connection breaks after ten messages",
		breaksMidPublish(report))
}

func TestPublishMayFailMidway(t *testing.T) {
	h := newBusMedium(transport.Limits{}).harness(func(b *bus) {
		breaksMidPublish(func() error { return errBroken })(t, b)
	})
	h.Patience = 0
	r := record(t, func(tb testing.TB) { conformance.CheckBus(tb, "HalfWrittenPublishIsReported", h) })
	require.False(t, r.failed, r.text)
}
