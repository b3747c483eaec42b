package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// breaksEntries returns a mutant whose Entries changes the correct result.
func breaksEntries(check, bug string,
	change func(b *bus, prefix string, infos []transport.EntryInfo) []transport.EntryInfo) mutant[conformance.Harness] {
	return breaks(check, bug, func(_ *testing.T, b *bus) {
		b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
			infos, err := b.Hub.Entries(ctx, prefix)
			return change(b, prefix, infos), err
		}
	})
}

// breaksEntry returns a mutant that changes each entry.
func breaksEntry(check, bug string, change func(t *testing.T, b *bus, e *entry)) mutant[conformance.Harness] {
	return breaks(check, bug, func(t *testing.T, b *bus) { b.entry = func(e *entry) { change(t, b, e) } })
}

// breaksEnter returns a mutant that calls enter instead of the hub's Enter.
func breaksEnter(check, bug string, enter func(ctx context.Context, b *bus, name string) (transport.Entry,
	error)) mutant[conformance.Harness] {
	return breaks(check, bug, func(_ *testing.T, b *bus) {
		b.enter = func(ctx context.Context, name string) (transport.Entry, error) { return enter(ctx, b, name) }
	})
}

// matches returns a mutant that compares names with prefixes in its own way.
func matches(bug string, match func(name, prefix string) bool) mutant[conformance.Harness] {
	return breaks("EntryNamesAreData", bug, func(_ *testing.T, b *bus) {
		b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
			infos, err := b.Hub.Entries(ctx, "")
			return slices.DeleteFunc(infos, func(i transport.EntryInfo) bool { return !match(i.Name, prefix) }), err
		}
	})
}

// like tells whether name matches prefix as LIKE of SQL does, with the given wildcards.
func like(name, prefix, wildcards string) bool {
	pattern := regexp.QuoteMeta(prefix)
	if strings.Contains(wildcards, "%") {
		pattern = strings.ReplaceAll(pattern, "%", ".*")
	}
	if strings.Contains(wildcards, "_") {
		pattern = strings.ReplaceAll(pattern, "_", ".")
	}
	return regexp.MustCompile("(?s)^" + pattern).MatchString(name)
}

func refusesNames(with string) mutant[conformance.Harness] {
	return breaksEnter("EntryNamesAreData", fmt.Sprintf("refuses names with %q", with),
		func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
			if strings.Contains(name, with) {
				return nil, errors.New("syntax error")
			}
			return b.Hub.Enter(ctx, name)
		})
}

var rosterMutants = slices.Concat([]mutant[conformance.Harness]{
	breaks("EntriesAreShown", "shows an entry a moment after Enter has returned", func(_ *testing.T, b *bus) {
		var mu sync.Mutex
		entered := make(map[string]time.Time)
		b.entry = func(e *entry) {
			mu.Lock()
			defer mu.Unlock()
			entered[e.Info().ID] = time.Now()
		}
		b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
			infos, err := b.Hub.Entries(ctx, prefix)
			mu.Lock()
			defer mu.Unlock()
			return slices.DeleteFunc(infos, func(i transport.EntryInfo) bool {
				return time.Since(entered[i.ID]) < 10*time.Millisecond
			}), err
		}
	}),
	breaks("EntriesAreShown", "shows only its own entries", func(_ *testing.T, b *bus) {
		var own sync.Map
		b.entry = func(e *entry) { own.Store(e.Info().ID, true) }
		b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
			infos, err := b.Hub.Entries(ctx, prefix)
			return slices.DeleteFunc(infos, func(i transport.EntryInfo) bool {
				_, ok := own.Load(i.ID)
				return !ok
			}), err
		}
	}),
	breaksEntries("EntriesAreShown", "shows entries twice",
		func(_ *bus, _ string, infos []transport.EntryInfo) []transport.EntryInfo {
			return slices.Concat(infos, infos)
		}),
	breaksEntries("EntriesAreShown", "shows 16 entries at most",
		func(_ *bus, _ string, infos []transport.EntryInfo) []transport.EntryInfo {
			return infos[:min(16, len(infos))]
		}),
	breaksEntries("EntriesAreShown", "shows nobody if the prefix is empty",
		func(_ *bus, prefix string, infos []transport.EntryInfo) []transport.EntryInfo {
			if prefix == "" {
				return nil
			}
			return infos
		}),
	breaksEntries("EntriesAreShown", "shows names without their first character",
		func(_ *bus, _ string, infos []transport.EntryInfo) []transport.EntryInfo {
			for i := range infos {
				infos[i].Name = infos[i].Name[1:]
			}
			return infos
		}),
	breaksEntries("EntriesAreShown", "shows other IDs than Info",
		func(_ *bus, _ string, infos []transport.EntryInfo) []transport.EntryInfo {
			for i := range infos {
				infos[i].ID = "backend " + infos[i].ID
			}
			return infos
		}),
	breaks("EntriesAreShown", "ignores the prefix", func(_ *testing.T, b *bus) {
		b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
			return b.Hub.Entries(ctx, "")
		}
	}),
	breaksEnter("EntriesAreShown", "cuts names to 8 bytes",
		func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
			return b.Hub.Enter(ctx, name[:min(8, len(name))])
		}),
	breaksEntry("EntriesAreShown", "has no ID", func(_ *testing.T, _ *bus, e *entry) {
		e.info = func() transport.EntryInfo {
			info := e.Entry.Info()
			info.ID = ""
			return info
		}
	}),

	matches("treats % as a wildcard", func(name, prefix string) bool { return like(name, prefix, "%") }),
	matches("treats _ as a wildcard", func(name, prefix string) bool { return like(name, prefix, "_") }),
	matches(`treats \ as an escape`, func(name, prefix string) bool {
		return strings.HasPrefix(name, strings.ReplaceAll(prefix, `\`, ""))
	}),
	matches("treats . as a wildcard", func(name, prefix string) bool {
		return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(prefix), `\.`, ".")).MatchString(name)
	}),
	matches("does not look at case", func(name, prefix string) bool {
		return strings.HasPrefix(strings.ToLower(name), strings.ToLower(prefix))
	}),
	matches("looks for the prefix anywhere", strings.Contains),
	matches("trims spaces", func(name, prefix string) bool {
		return strings.HasPrefix(name, strings.TrimRight(prefix, " "))
	}),
	matches("compares 20 bytes", func(name, prefix string) bool {
		return strings.HasPrefix(name, prefix[:min(20, len(prefix))])
	}),
	matches("compares only with whole names", func(name, prefix string) bool { return name == prefix }),
	breaks("EntryNamesAreData", "shows other names than Info", func(_ *testing.T, b *bus) {
		b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
			infos, err := b.Hub.Entries(ctx, prefix)
			for i := range infos {
				infos[i].Name = infos[i].Name[:min(63, len(infos[i].Name))]
			}
			return infos, err
		}
	}),
	breaksEntry("EntryNamesAreData", "returns the name before it was cut", func(_ *testing.T, b *bus, e *entry) {
		info := e.Entry.Info()
		e.info = func() transport.EntryInfo { return info }
		if len(info.Name) > 63 {
			_ = e.Entry.Close(context.Background())
			e.Entry, _ = b.Hub.Enter(context.Background(), strings.ToValidUTF8(info.Name[:63], ""))
		}
	}),
	breaksEnter("EntryNamesAreData", "refuses long names",
		func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
			if len(name) > 63 {
				return nil, errors.New("too long")
			}
			return b.Hub.Enter(ctx, name)
		}),
	refusesNames("'"), refusesNames(`"`), refusesNames(`\`), refusesNames("é"), refusesNames("\n"),

	breaksEnter("BadEntryNamesAreRefused", "accepts the empty name", replacesName("", "nobody")),
	breaksEnter("BadEntryNamesAreRefused", "leaves out NUL", replacesName("\x00", "")),
	breaksEnter("BadEntryNamesAreRefused", "replaces what is not UTF-8",
		func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
			return b.Hub.Enter(ctx, strings.ToValidUTF8(name, "?"))
		}),
	breaksEnter("BadEntryNamesAreRefused", "enters up to the NUL and returns an error",
		func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
			if before, _, cut := strings.Cut(name, "\x00"); cut {
				_, err := b.Hub.Enter(ctx, before)
				return nil, errors.Join(err, errors.New("the name has a NUL"))
			}
			return b.Hub.Enter(ctx, name)
		}),

	breaksEntries("EqualEntriesAreDistinct", "merges equal names",
		func(_ *bus, _ string, infos []transport.EntryInfo) []transport.EntryInfo {
			slices.SortFunc(infos, func(a, b transport.EntryInfo) int { return strings.Compare(a.Name, b.Name) })
			return slices.CompactFunc(infos, func(a, b transport.EntryInfo) bool { return a.Name == b.Name })
		}),
	breaks("EqualEntriesAreDistinct", "uses the name as the ID", func(_ *testing.T, b *bus) {
		b.entry = func(e *entry) {
			e.info = func() transport.EntryInfo { return namesAsIDs([]transport.EntryInfo{e.Entry.Info()})[0] }
		}
		b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
			infos, err := b.Hub.Entries(ctx, prefix)
			return namesAsIDs(infos), err
		}
	}),
	breaks("EqualEntriesAreDistinct", "closes the entry that was entered last with the name",
		func(_ *testing.T, b *bus) {
			var mu sync.Mutex
			open := make(map[string][]transport.Entry)
			b.entry = func(e *entry) {
				mu.Lock()
				defer mu.Unlock()
				name := e.Info().Name
				open[name] = append(open[name], e.Entry)
				e.close = func(ctx context.Context) error {
					mu.Lock()
					defer mu.Unlock()
					all := open[name]
					if len(all) == 0 {
						return nil
					}
					open[name] = all[:len(all)-1]
					return all[len(all)-1].Close(ctx)
				}
			}
		}),
}, rosterIDMutants())

func replacesName(old, new string) func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
	return func(ctx context.Context, b *bus, name string) (transport.Entry, error) {
		if old == "" && name == "" {
			name = new
		} else if old != "" {
			name = strings.ReplaceAll(name, old, new)
		}
		return b.Hub.Enter(ctx, name)
	}
}

func namesAsIDs(infos []transport.EntryInfo) []transport.EntryInfo {
	for i := range infos {
		infos[i].ID = infos[i].Name
	}
	return infos
}
