package conformance_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// closesEntry returns a mutant that closes each entry in its own way. The n-th call of Close has the number n,
// from 1 on.
func closesEntry(check, bug string,
	closes func(ctx context.Context, e *entry, n int) error) mutant[conformance.Harness] {
	return breaksEntry(check, bug, func(_ *testing.T, _ *bus, e *entry) {
		var calls atomic.Int32
		e.close = func(ctx context.Context) error { return closes(ctx, e, int(calls.Add(1))) }
	})
}

var rosterEndMutants = slices.Concat(entryCloseMutants(), severedEntryMutants(), entryLeakMutants(),
	[]mutant[conformance.Harness]{
		breaksEnter("EntryOutlivesItsContext", "closes an entry when the context of Enter ends",
			func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
				e, err := b.Hub.Enter(ctx, name)
				if err == nil {
					context.AfterFunc(ctx, func() { _ = e.Close(context.Background()) })
				}
				return e, err
			}),
		breaksEnter("EntryOutlivesItsContext", "leaves the deadline of Enter on the connection",
			func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
				e, err := b.Hub.Enter(ctx, name)
				if err == nil {
					context.AfterFunc(ctx, func() {
						if ctx.Err() == context.DeadlineExceeded {
							_ = e.Close(context.Background())
						}
					})
				}
				return e, err
			}),
		breaksEnter("EntryOutlivesItsContext", "leaves the entry of an Enter that is interrupted",
			func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				e, err := b.Hub.Enter(context.WithoutCancel(ctx), name)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				return e, err
			}),
		breaksEnter("EntryOutlivesItsContext", "returns ErrClosed from an Enter that is interrupted",
			func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
				e, err := b.Hub.Enter(ctx, name)
				if err != nil {
					err = transport.ErrClosed
				}
				return e, err
			}),

		closing("BusCloseSparesOtherEntries", "ends the entries of all buses",
			func(_ *testing.T, b *bus, _ *atomic.Bool) {
				b.close = func(context.Context) error {
					b.Hub.Sever(nil)
					return nil
				}
			}),
		closing("BusCloseSparesOtherEntries", "cannot close its entries afterwards",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.entry = func(e *entry) {
					e.close = func(ctx context.Context) error {
						if closed.Load() {
							return errors.New("the bus is closed")
						}
						return e.Entry.Close(ctx)
					}
				}
			}),
		closing("BusCloseSparesOtherEntries", "does not close its entries afterwards",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.entry = func(e *entry) {
					e.close = func(ctx context.Context) error {
						if closed.Load() {
							return nil
						}
						return e.Entry.Close(ctx)
					}
				}
			}),
		closing("BusCloseSparesOtherEntries", "returns an odd error from Enter after Close",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.enter = func(ctx context.Context, name string) (transport.Entry, error) {
					if closed.Load() {
						return nil, errors.New("nil pool")
					}
					return b.Hub.Enter(ctx, name)
				}
			}),
	})

func entryCloseMutants() []mutant[conformance.Harness] {
	const check = "EntryEndsWithClose"
	return []mutant[conformance.Harness]{
		closesEntry(check, "does nothing", func(context.Context, *entry, int) error { return nil }),
		closesEntry(check, "returns before the entry has gone", func(_ context.Context, e *entry, _ int) error {
			time.AfterFunc(10*time.Millisecond, func() { _ = e.Entry.Close(context.Background()) })
			return nil
		}),
		closesEntry(check, "does nothing if its context has ended", func(ctx context.Context, e *entry, _ int) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return e.Entry.Close(ctx)
		}),
		closesEntry(check, "fails if its context has ended", func(ctx context.Context, e *entry, _ int) error {
			_ = e.Entry.Close(ctx)
			if ctx.Err() != nil {
				return errors.New("broken pipe")
			}
			return nil
		}),
		closesEntry(check, "fails the second time", func(ctx context.Context, e *entry, n int) error {
			if n > 1 {
				return errors.New("use of closed network connection")
			}
			return e.Entry.Close(ctx)
		}),
		closesEntry(check, "hangs the third time", func(ctx context.Context, e *entry, n int) error {
			if n > 2 {
				<-ctx.Done()
				return ctx.Err()
			}
			return e.Entry.Close(ctx)
		}),
		breaks(check, "closes another entry when it is closed again", func(_ *testing.T, b *bus) {
			var mu sync.Mutex
			var all []transport.Entry
			b.entry = func(e *entry) {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, e.Entry)
				var calls atomic.Int32
				e.close = func(ctx context.Context) error {
					mu.Lock()
					defer mu.Unlock()
					if calls.Add(1) > 3 {
						for _, other := range all {
							_ = other.Close(ctx)
						}
					}
					return e.Entry.Close(ctx)
				}
			}
		}),
	}
}

// severedEntryMutants return mutants whose bugs appear after an outage.
func severedEntryMutants() []mutant[conformance.Harness] {
	const check = "SeveredEntryVanishes"
	// severed tells for each entry whether there was an outage since it was entered.
	severed := func(bug string,
		change func(t *testing.T, b *bus, e *entry, severed func() bool)) mutant[conformance.Harness] {
		return breaksEntry(check, bug, func(t *testing.T, b *bus, e *entry) {
			before := b.outages.Load()
			change(t, b, e, func() bool { return b.outages.Load() != before })
		})
	}
	return []mutant[conformance.Harness]{
		severed("fails to close", func(_ *testing.T, _ *bus, e *entry, severed func() bool) {
			e.close = func(ctx context.Context) error {
				if severed() {
					return errors.New("broken pipe")
				}
				return e.Entry.Close(ctx)
			}
		}),
		severed("waits for the server when it is closed", func(t *testing.T, _ *bus, e *entry, severed func() bool) {
			e.close = func(ctx context.Context) error {
				if severed() {
					select {
					case <-ctx.Done():
					case <-t.Context().Done():
					}
				}
				return e.Entry.Close(ctx)
			}
		}),
		breaks(check, "continues to show severed entries", func(_ *testing.T, b *bus) {
			var mu sync.Mutex
			var seen []transport.EntryInfo
			b.entry = func(e *entry) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, e.Info())
			}
			b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
				if b.outages.Load() == 0 {
					return b.Hub.Entries(ctx, prefix)
				}
				mu.Lock()
				defer mu.Unlock()
				return slices.Clone(seen), nil
			}
		}),
		breaks(check, "cannot enter again", func(_ *testing.T, b *bus) {
			b.enter = func(ctx context.Context, name string) (transport.Entry, error) {
				if b.outages.Load() > 0 {
					return nil, errors.New("broken pipe")
				}
				return b.Hub.Enter(ctx, name)
			}
		}),
	}
}

// entryLeakMutants return mutants that leave a goroutine behind.
func entryLeakMutants() []mutant[conformance.Harness] {
	const check = "EntriesLeakNothing"
	leak := func(t *testing.T) { go func() { <-t.Context().Done() }() }
	return []mutant[conformance.Harness]{
		breaksEntry(check, "leaks a goroutine for each entry", func(t *testing.T, _ *bus, _ *entry) { leak(t) }),
		breaksEntry(check, "leaks a goroutine if it is closed with a context that has ended",
			func(t *testing.T, _ *bus, e *entry) {
				e.close = func(ctx context.Context) error {
					if ctx.Err() != nil {
						leak(t)
					}
					return e.Entry.Close(ctx)
				}
			}),
		breaks(check, "leaks a goroutine if Enter is interrupted", func(t *testing.T, b *bus) {
			b.enter = func(ctx context.Context, name string) (transport.Entry, error) {
				time.Sleep(100 * time.Microsecond)
				e, err := b.Hub.Enter(ctx, name)
				if err != nil && ctx.Err() != nil {
					leak(t)
				}
				return e, err
			}
		}),
		breaks(check, "leaks a goroutine if the name is refused", func(t *testing.T, b *bus) {
			b.enter = func(ctx context.Context, name string) (transport.Entry, error) {
				e, err := b.Hub.Enter(ctx, name)
				if err != nil && ctx.Err() == nil {
					leak(t)
				}
				return e, err
			}
		}),
		breaksEntry(check, "leaks a goroutine if the connection was severed", func(t *testing.T, b *bus, e *entry) {
			before := b.outages.Load()
			e.close = func(ctx context.Context) error {
				if b.outages.Load() != before {
					leak(t)
				}
				return e.Entry.Close(ctx)
			}
		}),
	}
}
