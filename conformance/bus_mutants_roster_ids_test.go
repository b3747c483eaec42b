package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// rosterIDMutants return the mutants of IDs, marks and concurrent use.
func rosterIDMutants() []mutant[conformance.Harness] {
	reuses := func(check, bug string, id func(n int) int) mutant[conformance.Harness] {
		return mutant[conformance.Harness]{check, bug, func(*testing.T) conformance.Harness {
			var mu sync.Mutex
			ids := make(map[string]string) // by the ID of the hub
			used := make(map[string]bool)
			change := func(info transport.EntryInfo) transport.EntryInfo {
				mu.Lock()
				defer mu.Unlock()
				if _, ok := ids[info.ID]; !ok {
					n := id(len(ids))
					for used[fmt.Sprint(n)] {
						n++
					}
					ids[info.ID] = fmt.Sprint(n)
					used[fmt.Sprint(n)] = true
				}
				info.ID = ids[info.ID]
				return info
			}
			return newBusMedium(transport.Limits{}).harness(func(b *bus) {
				b.entry = func(e *entry) {
					info := change(e.Entry.Info())
					e.info = func() transport.EntryInfo { return info }
					e.close = func(ctx context.Context) error {
						mu.Lock()
						delete(used, info.ID)
						mu.Unlock()
						return e.Entry.Close(ctx)
					}
				}
				b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
					infos, err := b.Hub.Entries(ctx, prefix)
					for i := range infos {
						infos[i] = change(infos[i])
					}
					return infos, err
				}
			})
		}}
	}
	ownNames := func(b *bus) *sync.Map {
		var own sync.Map
		b.entry = func(e *entry) { own.Store(e.Info().Name, true) }
		return &own
	}
	busy := func(bug string,
		change func(infos []transport.EntryInfo) []transport.EntryInfo) mutant[conformance.Harness] {
		return breaks("RosterIsSafeForConcurrentUse", bug, func(_ *testing.T, b *bus) {
			var calls atomic.Int32
			b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
				defer calls.Add(-1)
				alone := calls.Add(1) == 1
				time.Sleep(time.Millisecond)
				infos, err := b.Hub.Entries(ctx, prefix)
				if !alone {
					infos = change(infos)
				}
				return infos, err
			}
		})
	}
	return []mutant[conformance.Harness]{
		reuses("EntryIDsAreNotReused", "gives the lowest free ID", func(int) int { return 0 }),
		reuses("EntryIDsAreNotReused", "gives the IDs 0 to 31 in turn", func(n int) int { return n % 32 }),

		breaksEntries("ForeignEntriesAreNotMarked", "marks all entries",
			func(_ *bus, _ string, infos []transport.EntryInfo) []transport.EntryInfo {
				for i := range infos {
					infos[i].Marked = true
				}
				return infos
			}),
		breaksEntries("ForeignEntriesAreNotMarked", "shows only its own kind",
			func(_ *bus, _ string, infos []transport.EntryInfo) []transport.EntryInfo {
				return slices.DeleteFunc(infos, func(i transport.EntryInfo) bool { return !i.Marked })
			}),
		breaks("ForeignEntriesAreNotMarked", "marks by the name", func(_ *testing.T, b *bus) {
			own := ownNames(b)
			b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
				infos, err := b.Hub.Entries(ctx, prefix)
				for i := range infos {
					_, infos[i].Marked = own.Load(infos[i].Name)
				}
				return infos, err
			}
		}),

		busy("loses an entry if Entries is in progress", func(infos []transport.EntryInfo) []transport.EntryInfo {
			return infos[1:]
		}),
		busy("loses the marks if Entries is in progress", func(infos []transport.EntryInfo) []transport.EntryInfo {
			for i := range infos {
				infos[i].Marked = false
			}
			return infos
		}),
		breaks("RosterIsSafeForConcurrentUse", "fails if another Enter is in progress", func(_ *testing.T, b *bus) {
			var calls atomic.Int32
			b.enter = func(ctx context.Context, name string) (transport.Entry, error) {
				defer calls.Add(-1)
				if calls.Add(1) > 1 {
					return nil, errors.New("busy")
				}
				time.Sleep(time.Millisecond)
				return b.Hub.Enter(ctx, name)
			}
		}),
	}
}
