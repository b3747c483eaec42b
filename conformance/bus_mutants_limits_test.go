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
	breaks("LimitsAreConstant", "says minus one for no limit", func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits { return transport.Limits{Payload: -1} }
	}),
	breaks("LimitIsInclusive", "has a limit and says it has none", func(t *testing.T, b *bus) {
		b.refuses(func(m transport.Message) bool { return len(m.Payload) > 1<<16 })
	}),
	breaksLimited("LimitIsInclusive", "counts the NUL behind a C string", textLimits, func(t *testing.T, b *bus) {
		b.refuses(func(m transport.Message) bool { return len(m.Payload)+1 > textLimits.Payload })
	}),
	breaksLimited("LimitIsInclusive", "counts the bytes of the escaped payload", textLimits, func(t *testing.T, b *bus) {
		b.refuses(func(m transport.Message) bool {
			return len(m.Payload)+bytes.Count(m.Payload, []byte(`"`)) > textLimits.Payload
		})
	}),
	breaks("ChannelLimitIsInclusive", "has a limit for names and says it has none", func(t *testing.T, b *bus) {
		b.refuses(func(m transport.Message) bool { return len(m.Channel) > 255 })
	}),
	breaksLimited("ChannelLimitIsInclusive", "cuts the longest name in Listen", textLimits, func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				return s.Session.Listen(ctx, channel[:min(len(channel), 62)])
			}
		}
	}),
	overLimit("cuts a payload to the limit", func(b *bus, ctx context.Context, msgs []transport.Message) error {
		for i := range msgs {
			msgs[i].Payload = msgs[i].Payload[:min(len(msgs[i].Payload), textLimits.Payload)]
		}
		return b.Hub.Publish(ctx, msgs...)
	}),
	overLimit("drops a payload over the limit silently", func(b *bus, ctx context.Context, msgs []transport.Message) error {
		return b.Hub.Publish(ctx, slices.DeleteFunc(msgs, tooLarge)...)
	}),
	overLimit("sends what follows the rejected message", func(b *bus, ctx context.Context, msgs []transport.Message) error {
		if i := slices.IndexFunc(msgs, tooLarge); i >= 0 {
			b.Hub.Publish(ctx, slices.Delete(msgs, i, i+1)...)
			return &transport.RejectedError{Accepted: i, Err: errTooLarge}
		}
		return b.Hub.Publish(ctx, msgs...)
	}),
	overLimit("says that nothing was accepted", func(b *bus, ctx context.Context, msgs []transport.Message) error {
		err := b.Hub.Publish(ctx, msgs...)
		if rejected := (*transport.RejectedError)(nil); errors.As(err, &rejected) {
			rejected.Accepted = 0
		}
		return err
	}),
	overLimit("counts the rejected message as accepted", func(b *bus, ctx context.Context, msgs []transport.Message) error {
		err := b.Hub.Publish(ctx, msgs...)
		if rejected := (*transport.RejectedError)(nil); errors.As(err, &rejected) {
			rejected.Accepted++
		}
		return err
	}),
	overLimit("says accepted for what a rolled back statement has taken back", func(b *bus, ctx context.Context, msgs []transport.Message) error {
		if i := slices.IndexFunc(msgs, tooLarge); i >= 0 {
			return &transport.RejectedError{Accepted: i, Err: errTooLarge}
		}
		return b.Hub.Publish(ctx, msgs...)
	}),
	breaksLimited("OverLimitIsRejectedAlone", "counts characters", transport.Limits{}, func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits { return textLimits }
		b.refuses(func(m transport.Message) bool { return utf8.RuneCount(m.Payload) > textLimits.Payload })
	}),
	breaksLimited("OverLongChannelIsRejected", "cuts the name in Publish", textLimits, func(t *testing.T, b *bus) {
		b.each(func(m *transport.Message) { m.Channel = m.Channel[:min(len(m.Channel), textLimits.Channel)] })
	}),
	breaksLimited("OverLongChannelIsRejected", "cuts the name in Listen", textLimits, func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				return s.Session.Listen(ctx, channel[:min(len(channel), textLimits.Channel)])
			}
		}
	}),
	breaksLimited("NonTextIsRejectedAlone", "repairs what is no text", textLimits, func(t *testing.T, b *bus) {
		b.each(func(m *transport.Message) { m.Payload = bytes.ToValidUTF8(m.Payload, []byte("?")) })
	}),
	breaksLimited("NonTextIsRejectedAlone", "ends at NUL", textLimits, func(t *testing.T, b *bus) {
		b.each(func(m *transport.Message) { m.Payload, _, _ = bytes.Cut(m.Payload, []byte{0}) })
	}),
	breaksLimited("NonTextIsRejectedAlone", "carries bytes and says it does not", transport.Limits{}, func(t *testing.T, b *bus) {
		b.limits = func() transport.Limits { return textLimits }
	}),
}

func tooLarge(m transport.Message) bool { return len(m.Payload) > textLimits.Payload }

// overLimit returns a mutant that treats payloads over the limit in its own way.
func overLimit(bug string, publish func(b *bus, ctx context.Context, msgs []transport.Message) error) mutant[conformance.Harness] {
	return breaksLimited("OverLimitIsRejectedAlone", bug, textLimits, func(t *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error { return publish(b, ctx, slices.Clone(msgs)) }
	})
}

// refuses makes a mutant's Publish refuse some messages, correctly.
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
