package conformance_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// crashes returns a mutant that does something after a crash.
func crashes(bug string, then func(m *logMedium, latest func() []transport.Record)) mutant[conformance.LogHarness] {
	return breaksLog("CrashLosesNothing", bug, func(m *logMedium) {
		var mu sync.Mutex
		var latest []transport.Record // the last batch that was kept
		m.append = func(ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, records)
			if err == nil && len(records) > 0 && records[0].Keep {
				mu.Lock()
				latest = slices.Clone(records)
				mu.Unlock()
			}
			return err
		}
		crash := m.crash
		m.crash = func() {
			crash()
			then(m, func() []transport.Record {
				mu.Lock()
				defer mu.Unlock()
				return latest
			})
		}
	})
}

var logCrashMutants = []mutant[conformance.LogHarness]{
	crashes("loses the last batch in a crash", func(m *logMedium, latest func() []transport.Record) {
		lost := latest()[0].Offset
		m.replay = func(
			ctx context.Context, ch string, after transport.Position, l transport.ReadLimit,
		) ([]transport.Record, error) {
			records, err := m.Hub.Replay(ctx, ch, after, l)
			records = slices.DeleteFunc(records, func(r transport.Record) bool { return r.Offset == lost })
			return relink(records, after.Offset), err
		}
	}),
	crashes("repeats the last batch after a crash", func(m *logMedium, latest func() []transport.Record) {
		_ = m.Hub.Append(context.Background(), slices.Clone(latest()))
	}),
	crashes("has a Previous of before the crash", func(m *logMedium, _ func() []transport.Record) {
		m.changeReceived(func() func(r *transport.Record) bool {
			first := true
			return func(r *transport.Record) bool {
				if first {
					r.Previous = transport.Offset{Major: 1}
				}
				first = false
				return true
			}
		})
	}),
	crashes("loses everything in a crash and keeps its epoch", func(m *logMedium, _ func() []transport.Record) {
		m.TrimAll()
	}),
}

// inspects returns a mutant whose InspectLog returns something else.
func inspects(
	bug string, change func(m *logMedium, prefix string, info *transport.LogInfo),
) mutant[conformance.LogHarness] {
	return breaksLog("LogDescribesItself", bug, func(m *logMedium) {
		m.inspect = func(ctx context.Context, prefix string) (transport.LogInfo, error) {
			info, err := m.Hub.InspectLog(ctx, prefix)
			change(m, prefix, &info)
			return info, err
		}
	})
}

var logInspectMutants = []mutant[conformance.LogHarness]{
	inspects("has no order", func(_ *logMedium, _ string, info *transport.LogInfo) { slices.Reverse(info.Channels) }),
	inspects("treats the prefix as a pattern", func(m *logMedium, prefix string, info *transport.LogInfo) {
		all, _ := m.Hub.InspectLog(context.Background(), "")
		pattern := strings.ReplaceAll(regexp.QuoteMeta(prefix), "_", ".")
		like := regexp.MustCompile("(?s)^" + strings.ReplaceAll(pattern, "%", ".*"))
		info.Channels = slices.DeleteFunc(all.Channels, func(c transport.ChannelInfo) bool {
			return !like.MatchString(c.Channel)
		})
	}),
	inspects("describes all channels", func(m *logMedium, _ string, info *transport.LogInfo) {
		all, _ := m.Hub.InspectLog(context.Background(), "")
		info.Channels = all.Channels
	}),
	inspects("counts from the first offset to the last", func(_ *logMedium, _ string, info *transport.LogInfo) {
		for i, c := range info.Channels {
			info.Channels[i].Records = int64(c.Bounds.Newest.Major - c.Bounds.Trimmed.Major)
		}
	}),
	inspects("has no epoch", func(_ *logMedium, _ string, info *transport.LogInfo) { info.Epoch = "" }),
	inspects("takes no space", func(_ *logMedium, _ string, info *transport.LogInfo) { info.Bytes = 0 }),
	inspects("has no oldest message", func(_ *logMedium, _ string, info *transport.LogInfo) {
		info.Oldest = time.Time{}
	}),
	inspects("has bounds without Newest", func(_ *logMedium, _ string, info *transport.LogInfo) {
		for i := range info.Channels {
			info.Channels[i].Bounds.Newest = info.Channels[i].Bounds.Trimmed
		}
	}),
	breaksLog("LogCanBePreparedAtOnce", "creates the log anew", func(m *logMedium) {
		m.prepare = func(ctx context.Context) error {
			m.TrimAll()
			return ctx.Err()
		}
	}),
	breaksLog("LogCanBePreparedAtOnce", "fails if another node prepares", func(m *logMedium) {
		preparing := make(chan struct{}, 1)
		m.prepare = func(ctx context.Context) error {
			select {
			case preparing <- struct{}{}:
				defer func() { <-preparing }()
				time.Sleep(time.Microsecond)
				return ctx.Err()
			default:
				return errors.New("relation already exists")
			}
		}
	}),
}
