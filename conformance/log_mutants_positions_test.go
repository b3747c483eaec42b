package conformance_test

import (
	"context"
	"errors"
	"strings"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// changesBounds returns a mutant whose Bounds are others.
func changesBounds(
	check, bug string, change func(m *logMedium, channel string, b *transport.Bounds),
) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) {
		m.bounds = func(ctx context.Context, channel string) (transport.Bounds, error) {
			b, err := m.Hub.Bounds(ctx, channel)
			change(m, channel, &b)
			return b, err
		}
	})
}

var logBoundsMutants = []mutant[conformance.LogHarness]{
	breaksLog("UnusedChannelHasBounds", "fails for an unused channel", func(m *logMedium) {
		m.bounds = func(ctx context.Context, channel string) (transport.Bounds, error) {
			b, err := m.Hub.Bounds(ctx, channel)
			if err == nil && b.Newest.IsZero() {
				err = errors.New("no such stream")
			}
			return b, err
		}
	}),
	changesBounds("UnusedChannelHasBounds", "returns the newest offset of all channels",
		func(m *logMedium, _ string, b *transport.Bounds) {
			if info, _ := m.Hub.InspectLog(context.Background(), ""); b.Newest.IsZero() {
				for _, c := range info.Channels {
					b.Newest = c.Bounds.Newest
				}
			}
		}),
	changesBounds("UnusedChannelHasBounds", "has no epoch for an unused channel",
		func(_ *logMedium, _ string, b *transport.Bounds) {
			if b.Newest.IsZero() {
				b.Epoch = ""
			}
		}),
	changesBounds("UnusedChannelHasBounds", "has an epoch for each channel",
		func(_ *logMedium, channel string, b *transport.Bounds) {
			b.Epoch = b.Epoch[:20] + channel[len(channel)-3:]
		}),
	breaksLog("UnusedChannelHasBounds", "ignores case", func(m *logMedium) {
		m.bounds = func(ctx context.Context, channel string) (transport.Bounds, error) {
			return m.Hub.Bounds(ctx, strings.ToLower(channel))
		}
	}),

	changesBounds("BoundsFollowTheLog", "has a Newest before the latest message",
		func(_ *logMedium, _ string, b *transport.Bounds) {
			if b.Newest.Major > 3 {
				b.Newest.Major--
			}
		}),
	changesBounds("BoundsFollowTheLog", "has a Newest after the latest message",
		func(_ *logMedium, _ string, b *transport.Bounds) {
			if !b.Newest.IsZero() {
				b.Newest.Major++
			}
		}),
	changesBounds("BoundsFollowTheLog", "says that nothing is left", func(_ *logMedium, _ string, b *transport.Bounds) {
		b.Trimmed = b.Newest
	}),
}

// changesPositionError returns a mutant in which a call of Replay that returns an error returns something else.
func changesPositionError(
	check, bug string, from error, change func(m *logMedium, e *transport.PositionError) ([]transport.Record, error),
) mutant[conformance.LogHarness] {
	return replays(check, bug, func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			var e *transport.PositionError
			if errors.Is(err, from) && errors.As(err, &e) {
				return change(m, e)
			}
			return records, err
		}
	})
}

var logPositionMutants = []mutant[conformance.LogHarness]{
	changesPositionError("FuturePositionIsAnError", "returns nothing for the future", transport.ErrFuture,
		func(*logMedium, *transport.PositionError) ([]transport.Record, error) { return nil, nil }),
	changesPositionError("FuturePositionIsAnError", "confuses the future with the past", transport.ErrFuture,
		func(_ *logMedium, e *transport.PositionError) ([]transport.Record, error) {
			e.Err = transport.ErrTrimmed
			return nil, e
		}),
	changesPositionError("FuturePositionIsAnError", "returns a bare error", transport.ErrFuture,
		func(*logMedium, *transport.PositionError) ([]transport.Record, error) {
			return nil, transport.ErrFuture
		}),
	changesPositionError("FuturePositionIsAnError", "has no Bounds in its error", transport.ErrFuture,
		func(_ *logMedium, e *transport.PositionError) ([]transport.Record, error) {
			e.Bounds = transport.Bounds{}
			return nil, e
		}),
	changesPositionError("FuturePositionIsAnError", "names no channel", transport.ErrFuture,
		func(_ *logMedium, e *transport.PositionError) ([]transport.Record, error) {
			e.Channel = ""
			return nil, e
		}),
	replays("FuturePositionIsAnError", "ignores Minor", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			after.Offset.Minor = 0
			return m.Hub.Replay(ctx, ch, after, l)
		}
	}),
	replays("FuturePositionIsAnError", "has offsets of 32 bits", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			if after.Offset.Major == 1<<62 {
				after.Offset.Major = 0
			}
			return m.Hub.Replay(ctx, ch, after, l)
		}
	}),

	replays("OtherEpochIsAnError", "ignores the epoch", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			b, _ := m.Hub.Bounds(context.Background(), ch)
			after.Epoch = b.Epoch
			return m.Hub.Replay(ctx, ch, after, l)
		}
	}),
	replays("OtherEpochIsAnError", "accepts an empty epoch", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			if after.Epoch == "" {
				b, _ := m.Hub.Bounds(context.Background(), ch)
				after.Epoch = b.Epoch
			}
			return m.Hub.Replay(ctx, ch, after, l)
		}
	}),
	replays("OtherEpochIsAnError", "ignores the case of the epoch", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			after.Epoch = strings.ToUpper(after.Epoch)
			return m.Hub.Replay(ctx, ch, after, l)
		}
	}),
	changesPositionError("OtherEpochIsAnError", "looks at the offset first", transport.ErrEpoch,
		func(m *logMedium, e *transport.PositionError) ([]transport.Record, error) {
			if e.Position.Offset.Compare(e.Bounds.Newest) > 0 {
				e.Err = transport.ErrFuture
			}
			return nil, e
		}),
	changesPositionError("OtherEpochIsAnError", "returns what it has beside the error", transport.ErrEpoch,
		func(m *logMedium, e *transport.PositionError) ([]transport.Record, error) {
			records, _ := m.Hub.Latest(context.Background(), e.Channel, transport.Offset{}, transport.ReadLimit{})
			return records, e
		}),
}

// namesChannels returns a mutant whose log names channels in another way.
func namesChannels(bug string, name func(channel string) string) mutant[conformance.LogHarness] {
	return breaksLog("LoggedChannelNamesAreLiteral", bug, func(m *logMedium) {
		m.append = func(ctx context.Context, records []transport.Record) error {
			renamed := append([]transport.Record{}, records...)
			for i := range renamed {
				renamed[i].Channel = name(records[i].Channel)
			}
			return m.Hub.Append(ctx, renamed)
		}
		m.bounds = func(ctx context.Context, channel string) (transport.Bounds, error) {
			return m.Hub.Bounds(ctx, name(channel))
		}
		restore := func(records []transport.Record, channel string) []transport.Record {
			for i := range records {
				records[i].Channel = channel
			}
			return records
		}
		m.replay = func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, name(ch), after, l)
			return restore(records, ch), err
		}
		m.latest = func(
			ctx context.Context, ch string, before transport.Offset, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Latest(ctx, name(ch), before, l)
			return restore(records, ch), err
		}
	})
}

var logChannelMutants = []mutant[conformance.LogHarness]{
	changesRecords("ChannelsHaveLogsOfTheirOwn", "sends a batch on the channel of its first message",
		func(records []transport.Record) []transport.Record {
			for i := range records {
				records[i].Channel = records[0].Channel
			}
			return records
		}),
	replays("ChannelsHaveLogsOfTheirOwn", "replays all channels", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			if strings.HasSuffix(ch, "a") && err == nil {
				more, _ := m.Hub.Replay(ctx, ch[:len(ch)-1]+"b", after, l)
				for _, r := range more {
					r.Channel = ch
					if len(records) == 0 || r.Offset.Compare(records[len(records)-1].Offset) > 0 {
						records = append(records, r)
					}
				}
			}
			return relink(records, after.Offset), err
		}
	}),
	changesBounds("ChannelsHaveLogsOfTheirOwn", "has the Newest of another channel",
		func(m *logMedium, channel string, b *transport.Bounds) {
			if other, _ := m.Hub.Bounds(context.Background(), channel[:len(channel)-1]+"b"); !other.Newest.IsZero() {
				*b = other
			}
		}),
	namesChannels("ignores case", strings.ToLower),
	namesChannels("cuts names at 40 bytes", func(s string) string { return s[:min(len(s), 40)] }),
	namesChannels("cuts the last byte of long names", func(s string) string {
		if len(s) == textLimits.Channel {
			return s[:len(s)-1]
		}
		return s
	}),
	namesChannels("trims spaces", strings.TrimSpace),
	namesChannels("treats % as _", func(s string) string { return strings.ReplaceAll(s, "%", "_") }),
}
