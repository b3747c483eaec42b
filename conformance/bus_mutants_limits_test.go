package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var errTooLarge = errors.New("too large")

var limitMutants = []mutant[conformance.Harness]{
	breaks("LimitsAreConstant", "learns its limits with the first Publish", func(t *testing.T, b *bus) {
		learnt := transport.Limits{}
		b.limits = func() transport.Limits { return learnt }
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			learnt.Payload = 8000
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	breaks("LimitsAreConstant", "returns -1 for no limit", func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits { return transport.Limits{Payload: -1} }
	}),
	breaks("LimitsAreConstant", "asks its server for the limits", func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits {
			b.Hub.Publish(t.Context(), transport.Message{Channel: "what are your limits?"})
			return transport.Limits{}
		}
	}),
	breaks("LimitsSuffice", "carries few bytes", func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits { return transport.Limits{Payload: transport.MinPayload - 1} }
	}),
	breaks("LimitsSuffice", "carries short names", func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits { return transport.Limits{Channel: transport.MinChannel - 1} }
	}),
	refusesInBatch("rejects the largest payload after others",
		func(i int, m transport.Message, _ int) bool { return i > 0 && len(m.Payload) == textLimits.Payload }),
	refusesInBatch("rejects the largest payload in the middle", func(i int, m transport.Message, of int) bool {
		return i > 1 && i < of-1 && len(m.Payload) == textLimits.Payload
	}),
	refusesInBatch("limits the size of a batch", func(i int, m transport.Message, of int) bool {
		return i > 1 && len(m.Payload) == textLimits.Payload
	}),
	refusesInBatch("counts the channel name too", func(i int, m transport.Message, _ int) bool {
		return len(m.Payload)+len(m.Channel) > textLimits.Payload+10
	}),
	refusesInBatch("counts line ends twice", func(i int, m transport.Message, _ int) bool {
		return len(m.Payload)+bytes.Count(m.Payload, []byte("\n")) > textLimits.Payload
	}),
	refusesInBatch("counts wide characters as six bytes", func(i int, m transport.Message, _ int) bool {
		return len(m.Payload)+2*bytes.Count(m.Payload, []byte("\U0001F389")) > textLimits.Payload
	}),
	breaks("LimitIsInclusive", "has a limit but reports none", func(t *testing.T, b *bus) {
		b.refuses(func(m transport.Message) bool { return len(m.Payload) > 1<<16 })
	}),
	breaksLimited("LimitIsInclusive", "counts the NUL at the end of a C string", textLimits,
		func(t *testing.T, b *bus) {
			b.refuses(func(m transport.Message) bool { return len(m.Payload)+1 > textLimits.Payload })
		}),
	breaksLimited("LimitIsInclusive", "counts the bytes of the escaped payload", textLimits,
		func(t *testing.T, b *bus) {
			b.refuses(func(m transport.Message) bool {
				return len(m.Payload)+bytes.Count(m.Payload, []byte(`"`)) > textLimits.Payload
			})
		}),
	overLimit("cuts a payload to the limit", func(b *bus, ctx context.Context, msgs []transport.Message) error {
		for i := range msgs {
			msgs[i].Payload = msgs[i].Payload[:min(len(msgs[i].Payload), textLimits.Payload)]
		}
		return b.Hub.Publish(ctx, msgs...)
	}),
	overLimit("drops a payload over the limit silently",
		func(b *bus, ctx context.Context, msgs []transport.Message) error {
			return b.Hub.Publish(ctx, slices.DeleteFunc(msgs, tooLarge)...)
		}),
	overLimit("sends what follows the rejected message",
		func(b *bus, ctx context.Context, msgs []transport.Message) error {
			if i := slices.IndexFunc(msgs, tooLarge); i >= 0 {
				b.Hub.Publish(ctx, slices.Delete(msgs, i, i+1)...)
				return &transport.RejectedError{Accepted: i, Err: errTooLarge}
			}
			return b.Hub.Publish(ctx, msgs...)
		}),
	miscounts("reports that nothing was accepted", func(int) int { return 0 }),
	miscounts("counts the rejected message as accepted", func(accepted int) int { return accepted + 1 }),
	overLimit("counts messages of a statement that was rolled back as accepted",
		func(b *bus, ctx context.Context, msgs []transport.Message) error {
			if i := slices.IndexFunc(msgs, tooLarge); i >= 0 {
				return &transport.RejectedError{Accepted: i, Err: errTooLarge}
			}
			return b.Hub.Publish(ctx, msgs...)
		}),
	miscounts("counts no more than 64 accepted messages", func(accepted int) int { return min(accepted, 64) }),
	miscounts("counts accepted messages in one byte", func(accepted int) int { return accepted % 256 }),
	overLimit("drops a payload over the limit silently after 16 others",
		func(b *bus, ctx context.Context, msgs []transport.Message) error {
			if i := slices.IndexFunc(msgs, tooLarge); i > 16 {
				msgs = slices.Delete(msgs, i, i+1)
			}
			return b.Hub.Publish(ctx, msgs...)
		}),
	overLimit("checks the first of a batch only", func(b *bus, ctx context.Context, msgs []transport.Message) error {
		for i := range msgs[min(1, len(msgs)):] {
			msgs[i+1].Payload = msgs[i+1].Payload[:min(len(msgs[i+1].Payload), textLimits.Payload)]
		}
		return b.Hub.Publish(ctx, msgs...)
	}),
	overLimit("trims before it counts", func(b *bus, ctx context.Context, msgs []transport.Message) error {
		for i := range msgs {
			msgs[i].Payload = bytes.TrimRight(msgs[i].Payload, " ")
		}
		return b.Hub.Publish(ctx, msgs...)
	}),
	breaksLimited("OverLimitIsRejectedAlone", "counts characters", transport.Limits{}, func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits { return textLimits }
		b.refuses(func(m transport.Message) bool { return utf8.RuneCount(m.Payload) > textLimits.Payload })
	}),
	breaksLimited("NonTextIsRejectedAlone", "repairs what is not text", textLimits, func(t *testing.T, b *bus) {
		b.changeEach(func(m *transport.Message) { m.Payload = bytes.ToValidUTF8(m.Payload, []byte("?")) })
	}),
	breaksLimited("NonTextIsRejectedAlone", "ends at NUL", textLimits, func(t *testing.T, b *bus) {
		b.changeEach(func(m *transport.Message) { m.Payload, _, _ = bytes.Cut(m.Payload, []byte{0}) })
	}),
	breaksLimited("NonTextIsRejectedAlone", "checks only the first 4 KiB", transport.Limits{},
		func(t *testing.T, b *bus) {
			b.limits = func() transport.Limits { return textLimits }
			b.refuses(func(m transport.Message) bool {
				head := m.Payload[:min(len(m.Payload), 4096)]
				return !utf8.Valid(head) || bytes.IndexByte(head, 0) >= 0
			})
		}),
	breaksLimited("NonTextIsRejectedAlone", "checks only the first message of a batch", transport.Limits{},
		func(t *testing.T, b *bus) {
			b.limits = func() transport.Limits { return textLimits }
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if m := msgs[0].Payload; !utf8.Valid(m) || bytes.IndexByte(m, 0) >= 0 {
					return &transport.RejectedError{Err: errTooLarge}
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
	breaksLimited("NonTextIsRejectedAlone", "checks for NUL only", transport.Limits{}, func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits { return textLimits }
		b.refuses(func(m transport.Message) bool { return bytes.IndexByte(m.Payload, 0) >= 0 })
	}),
	breaksLimited("NonTextIsRejectedAlone", "checks for UTF-8 only", transport.Limits{}, func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits { return textLimits }
		b.refuses(func(m transport.Message) bool { return !utf8.Valid(m.Payload) })
	}),
	breaksLimited("NonTextIsRejectedAlone", "carries bytes although Limits.Text is set", transport.Limits{},
		func(t *testing.T, b *bus) {
			b.limits = func() transport.Limits { return textLimits }
		}),
}

func tooLarge(m transport.Message) bool { return len(m.Payload) > textLimits.Payload }

// overLimit returns a mutant that handles payloads over the limit in its own way.
func overLimit(bug string, publish func(b *bus, ctx context.Context,
	msgs []transport.Message) error) mutant[conformance.Harness] {
	return breaksLimited("OverLimitIsRejectedAlone", bug, textLimits, func(t *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			return publish(b, ctx, slices.Clone(msgs))
		}
	})
}

// miscounts returns a mutant with another number of accepted messages in its RejectedError.
func miscounts(bug string, count func(accepted int) int) mutant[conformance.Harness] {
	return overLimit(bug, func(b *bus, ctx context.Context, msgs []transport.Message) error {
		err := b.Hub.Publish(ctx, msgs...)
		if rejected := (*transport.RejectedError)(nil); errors.As(err, &rejected) {
			rejected.Accepted = count(rejected.Accepted)
		}
		return err
	})
}

// refusesInBatch returns a mutant that rejects some messages of a batch.
func refusesInBatch(bug string, bad func(i int, m transport.Message, of int) bool) mutant[conformance.Harness] {
	return breaksLimited("LimitIsInclusive", bug, textLimits, func(t *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			for i, m := range msgs {
				if bad(i, m, len(msgs)) {
					return &transport.RejectedError{Err: errTooLarge}
				}
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	})
}

// refuses makes a mutant's Publish reject some messages, correctly.
func (b *bus) refuses(bad func(m transport.Message) bool) {
	b.publish = func(ctx context.Context, msgs ...transport.Message) error {
		i := slices.IndexFunc(msgs, bad)
		if i < 0 {
			return b.Hub.Publish(ctx, msgs...)
		}
		if err := b.Hub.Publish(ctx, msgs[:i]...); err != nil {
			return err
		}
		return &transport.RejectedError{Accepted: i, Err: errTooLarge}
	}
}
