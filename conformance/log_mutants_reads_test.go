package conformance_test

import (
	"context"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var logReadMutants = []mutant[conformance.LogHarness]{
	replays("ReadLimitIsRespected", "ignores Records", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			return m.Hub.Replay(ctx, ch, after, transport.ReadLimit{Bytes: l.Bytes})
		}
	}),
	replays("ReadLimitIsRespected", "ignores Bytes", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			return m.Hub.Replay(ctx, ch, after, transport.ReadLimit{Records: l.Records})
		}
	}),
	replays("ReadLimitIsRespected", "returns nothing if the first message is too large", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			if len(records) == 1 && l.Bytes > 0 && len(records[0].Payload) > l.Bytes {
				return nil, err
			}
			return records, err
		}
	}),
	replays("ReadLimitIsRespected", "skips messages that are too large", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			for {
				records, err := m.Hub.Replay(ctx, ch, after, l)
				if len(records) == 1 && l.Bytes > 0 && len(records[0].Payload) > 1000 {
					after = records[0].Position()
					continue
				}
				return records, err
			}
		}
	}),
	readsLatest("ReadLimitIsRespected", "has a Latest without Bytes", func(m *logMedium) latestFunc {
		return func(
			ctx context.Context, ch string, before transport.Offset, l transport.ReadLimit,
		) ([]transport.Record, error) {
			return m.Hub.Latest(ctx, ch, before, transport.ReadLimit{Records: l.Records})
		}
	}),

	readsLatest("LatestReturnsTheEnd", "returns the first messages", func(m *logMedium) latestFunc {
		return func(
			ctx context.Context, ch string, before transport.Offset, l transport.ReadLimit,
		) ([]transport.Record, error) {
			all, err := m.Hub.Latest(ctx, ch, before, transport.ReadLimit{})
			if l.Records == 0 {
				return all, err
			}
			return all[:min(l.Records, len(all))], err
		}
	}),
	readsLatest("LatestReturnsTheEnd", "returns the newest message first", func(m *logMedium) latestFunc {
		return func(
			ctx context.Context, ch string, before transport.Offset, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Latest(ctx, ch, before, l)
			slices.Reverse(records)
			return records, err
		}
	}),
	readsLatest("LatestReturnsTheEnd", "includes the message before which it ends", func(m *logMedium) latestFunc {
		return func(
			ctx context.Context, ch string, before transport.Offset, l transport.ReadLimit,
		) ([]transport.Record, error) {
			if !before.IsZero() {
				before.Major++
			}
			return m.Hub.Latest(ctx, ch, before, l)
		}
	}),
	readsLatest("LatestReturnsTheEnd", "ignores before", func(m *logMedium) latestFunc {
		return func(
			ctx context.Context, ch string, _ transport.Offset, l transport.ReadLimit,
		) ([]transport.Record, error) {
			return m.Hub.Latest(ctx, ch, transport.Offset{}, l)
		}
	}),
	readsLatest("LatestReturnsTheEnd", "returns the messages of all channels", func(m *logMedium) latestFunc {
		return func(
			ctx context.Context, ch string, before transport.Offset, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Latest(ctx, ch, before, l)
			if before.IsZero() && strings.HasSuffix(ch, "a") && len(records) > 0 {
				more, _ := m.Hub.Latest(ctx, ch[:len(ch)-1]+"b", before, l)
				records = append(records, more...)
			}
			return records, err
		}
	}),
}

type latestFunc func(
	ctx context.Context, channel string, before transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error)

// readsLatest returns a mutant with another Latest.
func readsLatest(check, bug string, latest func(m *logMedium) latestFunc) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) { m.latest = latest(m) })
}
