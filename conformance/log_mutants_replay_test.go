package conformance_test

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// changesReplayed returns a mutant whose Replay returns other records.
func changesReplayed(
	check, bug string, change func(records []transport.Record) []transport.Record,
) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) { m.changeReplayed(change) })
}

func changesPayloads(check, bug string, change func(payload []byte) []byte) mutant[conformance.LogHarness] {
	return changesReplayed(check, bug, func(records []transport.Record) []transport.Record {
		for i := range records {
			records[i].Payload = change(records[i].Payload)
		}
		return records
	})
}

// replays returns a mutant with another Replay.
func replays(check, bug string, replay func(m *logMedium) replayFunc) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) { m.replay = replay(m) })
}

// relink makes records follow each other after an offset, as if no others were between them.
func relink(records []transport.Record, after transport.Offset) []transport.Record {
	for i := range records {
		records[i].Previous = after
		after = records[i].Offset
	}
	return records
}

var logReplayMutants = []mutant[conformance.LogHarness]{
	changesPayloads("ReplayIsWhatWasPublished", "trims spaces", bytes.TrimSpace),
	changesPayloads("ReplayIsWhatWasPublished", "cuts payloads at 7,900 bytes",
		func(p []byte) []byte { return p[:min(len(p), 7900)] }),
	changesPayloads("ReplayIsWhatWasPublished", "replaces U+FFFF",
		func(p []byte) []byte { return bytes.ReplaceAll(p, []byte("\uffff"), []byte("\ufffd")) }),
	changesPayloads("ReplayIsWhatWasPublished", "reads null as empty", func(p []byte) []byte {
		if string(p) == "null" {
			return nil
		}
		return p
	}),
	replays("ReplayIsWhatWasPublished", "merges equal messages", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			records = slices.CompactFunc(records, func(a, b transport.Record) bool {
				return bytes.Equal(a.Payload, b.Payload)
			})
			return relink(records, after.Offset), err
		}
	}),
	replays("ReplayIsWhatWasPublished", "skips empty messages", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			records = slices.DeleteFunc(records, func(r transport.Record) bool { return len(r.Payload) == 0 })
			return relink(records, after.Offset), err
		}
	}),

	replays("ReplayBeginsAnywhere", "begins with the message at the position", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			if after.Offset.Major > 1 {
				after.Offset.Major--
			}
			return m.Hub.Replay(ctx, ch, after, l)
		}
	}),
	replays("ReplayBeginsAnywhere", "begins with the next batch", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			for len(records) > 0 && !bytes.HasSuffix(records[0].Payload, []byte(" 0")) {
				records = records[1:]
			}
			return relink(records, after.Offset), err
		}
	}),
	replays("ReplayBeginsAnywhere", "begins again at the end", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			if err == nil && len(records) == 0 && l.Records == 30 {
				after.Offset = transport.Offset{}
				return m.Hub.Replay(ctx, ch, after, l)
			}
			return records, err
		}
	}),

	breaksLog("AppendedIsReadable", "shows a message at the second look", func(m *logMedium) {
		var mu sync.Mutex
		shown := make(map[transport.Offset]bool)
		m.changeReplayed(func(records []transport.Record) []transport.Record {
			mu.Lock()
			defer mu.Unlock()
			for i, r := range records {
				if !shown[r.Offset] {
					shown[r.Offset] = true
					return records[:i]
				}
			}
			return records
		})
	}),
	breaksLog("AppendedIsReadable", "knows bounds for ten calls", func(m *logMedium) {
		calls := 0
		var last transport.Bounds
		m.bounds = func(ctx context.Context, channel string) (b transport.Bounds, err error) {
			if calls++; calls%10 == 1 {
				last, err = m.Hub.Bounds(ctx, channel)
			}
			return last, err
		}
	}),
	breaksLog("AppendedIsReadable", "delivers before it keeps", func(m *logMedium) {
		var mu sync.Mutex
		seen := make(map[transport.Offset]int)
		m.changeReplayed(func(records []transport.Record) []transport.Record {
			mu.Lock()
			defer mu.Unlock()
			for i, r := range records { // the third look is the one after ReceiveRecord
				if seen[r.Offset]++; seen[r.Offset] == 2 {
					return records[:i]
				}
			}
			return records
		})
	}),

	breaksLog("ReplayedPayloadsBelongToTheCaller", "returns the same memory again", func(m *logMedium) {
		var mu sync.Mutex
		payloads := make(map[transport.Offset][]byte)
		m.changeReplayed(func(records []transport.Record) []transport.Record {
			mu.Lock()
			defer mu.Unlock()
			for i, r := range records {
				if payloads[r.Offset] == nil {
					payloads[r.Offset] = r.Payload
				}
				records[i].Payload = payloads[r.Offset]
			}
			return records
		})
	}),
	breaksLog("ReplayedPayloadsBelongToTheCaller", "keeps the payloads of Append", func(m *logMedium) {
		var mu sync.Mutex
		payloads := make(map[transport.Offset][]byte)
		m.append = func(ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, records)
			mu.Lock()
			defer mu.Unlock()
			for _, r := range records {
				payloads[r.Offset] = r.Payload
			}
			return err
		}
		m.changeReplayed(func(records []transport.Record) []transport.Record {
			mu.Lock()
			defer mu.Unlock()
			for i, r := range records {
				records[i].Payload = slices.Clone(payloads[r.Offset])
			}
			return records
		})
	}),
	breaksLog("ReplayedPayloadsBelongToTheCaller", "returns payloads that share memory", func(m *logMedium) {
		m.changeReplayed(func(records []transport.Record) []transport.Record {
			all := []byte{}
			for _, r := range records {
				all = append(all, r.Payload...)
			}
			start := 0
			for i, r := range records {
				records[i].Payload = all[start : start+len(r.Payload)]
				start += len(r.Payload)
			}
			return records
		})
	}),

	changesReplayed("LongLogIsReplayedInPieces", "drops the last message of a full piece",
		func(records []transport.Record) []transport.Record {
			if len(records) == 1000 {
				return append(records[:998:998], relink(records[999:], records[997].Offset)...)
			}
			return records
		}),
	replays("LongLogIsReplayedInPieces", "ends after 3,000 messages", func(m *logMedium) replayFunc {
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			if after.Offset.Major >= 3000 {
				return nil, ctx.Err()
			}
			return m.Hub.Replay(ctx, ch, after, l)
		}
	}),
	replays("LongLogIsReplayedInPieces", "returns an empty piece in between", func(m *logMedium) replayFunc {
		calls := 0
		return func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			if calls++; calls == 3 {
				return nil, err
			}
			return records, err
		}
	}),
}
