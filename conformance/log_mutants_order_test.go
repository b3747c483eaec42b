package conformance_test

import (
	"context"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var logOrderMutants = []mutant[conformance.LogHarness]{
	breaksLog("OrderIsTheSameForAll", "shows some messages later than those after them", func(m *logMedium) {
		var mu sync.Mutex
		shown := make(map[transport.Offset]bool)
		m.replay = func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			mu.Lock()
			defer mu.Unlock()
			records = slices.DeleteFunc(records, func(r transport.Record) bool {
				late := r.Offset.Major%31 == 0 && !shown[r.Offset]
				shown[r.Offset] = true
				return late
			})
			return relink(records, after.Offset), err
		}
	}),
	breaksLog("OrderIsTheSameForAll", "delivers some messages after the next one", func(m *logMedium) {
		m.changeReceivedOrder(func(r transport.Record) bool { return r.Keep && r.Offset.Major%97 == 0 })
	}),
	breaksLog("OrderIsTheSameForAll", "loses some messages of a session", func(m *logMedium) {
		m.changeReceived(func() func(r *transport.Record) bool {
			return func(r *transport.Record) bool { return !r.Keep || r.Offset.Major%511 != 0 }
		})
	}),
	changesRecords("OrderIsTheSameForAll", "appends in reverse", func(records []transport.Record) []transport.Record {
		slices.Reverse(records)
		return records
	}),
	breaksLog("OrderIsTheSameForAll", "keeps some messages twice", func(m *logMedium) {
		m.append = func(ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, records)
			if len(records) > 0 && records[0].Offset.Major%128 == 0 && err == nil {
				err = m.Hub.Append(ctx, slices.Clone(records[:1]))
			}
			return err
		}
	}),
	breaksLog("OrderIsTheSameForAll", "orders the log by payload", func(m *logMedium) {
		m.replay = func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			if len(records) > 1 && records[0].Offset.Major%5 == 0 {
				records[0].Payload, records[1].Payload = records[1].Payload, records[0].Payload
			}
			return records, err
		}
	}),

	breaksLog("ListenAndReplayMissNothing", "listens a few messages later", func(m *logMedium) {
		m.changeReceived(func() func(r *transport.Record) bool {
			late := 0
			return func(r *transport.Record) bool {
				if late == 0 {
					b, _ := m.Hub.Bounds(context.Background(), r.Channel)
					late = int(b.Newest.Major) + 2
				}
				return int(r.Offset.Major) > late
			}
		})
	}),
	changesBounds("ListenAndReplayMissNothing", "has bounds of a moment ago",
		func(_ *logMedium, _ string, b *transport.Bounds) { b.Newest.Major -= min(b.Newest.Major, 20) }),
	breaksLog("ListenAndReplayMissNothing", "loses the second message of a session", func(m *logMedium) {
		m.changeReceived(func() func(r *transport.Record) bool {
			n := 0
			return func(*transport.Record) bool {
				n++
				return n != 2
			}
		})
	}),
}

// changeReceivedOrder makes a mutant's sessions return some records after the next one.
func (m *logMedium) changeReceivedOrder(late func(r transport.Record) bool) {
	m.openLog = func(ctx context.Context) (transport.LogSession, error) {
		inner, err := m.Hub.OpenLog(ctx)
		if err != nil {
			return nil, err
		}
		var held []transport.Record
		s := &logSession{LogSession: inner}
		s.receive = func(ctx context.Context) (transport.Record, error) {
			if len(held) == 2 {
				r := held[0]
				held = nil
				return r, nil
			}
			r, err := inner.ReceiveRecord(ctx)
			if err != nil || !late(r) {
				return r, err
			}
			next, err := inner.ReceiveRecord(ctx)
			if err != nil {
				return next, err
			}
			held = []transport.Record{r, next}
			return next, nil
		}
		return s, nil
	}
}
