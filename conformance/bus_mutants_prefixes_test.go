package conformance_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// hearing returns a mutant whose sessions listen in their own way to names of prefixes.
func hearing(check, bug string, listen func(ctx context.Context, s transport.Session, prefix string) error,
) mutant[conformance.Harness] {
	return breaks(check, bug, func(_ *testing.T, b *bus) {
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				if prefix, ok := transport.CutPrefixName(channel); ok {
					return listen(ctx, s.Session, prefix)
				}
				return s.Session.Listen(ctx, channel)
			}
		}
	})
}

// prefixing returns a mutant whose sessions change what comes over the name of a prefix.
func prefixing(check, bug string, change func(prefix string, m transport.Message) transport.Message,
) mutant[conformance.Harness] {
	return breaks(check, bug, func(_ *testing.T, b *bus) {
		b.session = func(s *session) {
			s.receive = func(ctx context.Context) (transport.Message, error) {
				m, err := s.Session.Receive(ctx)
				if prefix, ok := transport.CutPrefixName(m.Channel); ok && err == nil {
					m = change(prefix, m)
				}
				return m, err
			}
		}
	})
}

// globbing returns a mutant that takes prefixes for patterns.
func globbing(bug string, special string) mutant[conformance.Harness] {
	return breaks("PrefixesAreData", bug, func(_ *testing.T, b *bus) {
		var patterns []string
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				if prefix, ok := transport.CutPrefixName(channel); ok && strings.Contains(prefix, special) {
					patterns = append(patterns, prefix)
				}
				return s.Session.Listen(ctx, channel)
			}
		}
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			for _, pattern := range patterns {
				form := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\`+special, ".*")
				for _, m := range msgs {
					if !strings.HasPrefix(m.Channel, pattern) && regexp.MustCompile(form).MatchString(m.Channel) {
						msgs = append(slices.Clone(msgs), transport.Message{Channel: pattern, Payload: m.Payload})
					}
				}
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	})
}

var prefixMutants = []mutant[conformance.Harness]{
	hearing("PrefixesAreHeard", "listens to the channel of that name only",
		func(ctx context.Context, s transport.Session, prefix string) error { return s.Listen(ctx, prefix) }),
	hearing("PrefixesAreHeard", "does not listen to prefixes",
		func(context.Context, transport.Session, string) error { return nil }),
	prefixing("PrefixesAreHeard", "returns the channel without the mark of a prefix",
		func(prefix string, m transport.Message) transport.Message {
			m.Channel = prefix
			return m
		}),
	breaks("PrefixesAreHeard", "does not stop listening", func(_ *testing.T, b *bus) {
		b.session = func(s *session) { s.unlisten = func(context.Context, string) error { return nil } }
	}),
	globbing("takes a star for any text", "*"),
	globbing("takes a question mark for any text", "?"),
	breaks("PrefixesAndChannelsAreSeparate", "stops listening to all", func(_ *testing.T, b *bus) {
		b.session = func(s *session) {
			var all []string
			s.listen = func(ctx context.Context, channel string) error {
				if !strings.HasSuffix(channel, "end") {
					all = append(all, channel)
				}
				return s.Session.Listen(ctx, channel)
			}
			s.unlisten = func(ctx context.Context, _ string) error {
				for _, channel := range all {
					if err := s.Session.Unlisten(ctx, channel); err != nil {
						return err
					}
				}
				return nil
			}
		}
	}),
	hearing("PrefixesAndChannelsAreSeparate", "listens to one prefix only",
		func(ctx context.Context, s transport.Session, prefix string) error {
			if strings.HasSuffix(prefix, "b#") {
				return nil
			}
			return s.Listen(ctx, transport.PrefixName(prefix))
		}),
}

// miscounting returns a mutant whose Listeners returns other numbers.
func miscounting(bug string, change func(channels []string, counts []int) []int) mutant[conformance.Harness] {
	return breaks("ListenersAreCounted", bug, func(_ *testing.T, b *bus) { b.listeners = change })
}

var counterMutants = []mutant[conformance.Harness]{
	miscounting("counts only the first channel", func(_ []string, counts []int) []int { return counts[:1] }),
	miscounting("returns the counts in another order", func(_ []string, counts []int) []int {
		slices.Reverse(counts)
		return counts
	}),
	miscounting("counts two at most", func(_ []string, counts []int) []int {
		for i := range counts {
			counts[i] = min(counts[i], 2)
		}
		return counts
	}),
	breaks("ListenersAreCounted", "counts each Listen", func(_ *testing.T, b *bus) {
		listens := make(map[string]int)
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				listens[channel]++
				return s.Session.Listen(ctx, channel)
			}
		}
		b.listeners = func(channels []string, counts []int) []int {
			for i, channel := range channels {
				counts[i] = listens[channel]
			}
			return counts
		}
	}),
	breaks("ListenersAreCounted", "ignores its context", func(_ *testing.T, b *bus) { b.ignoresContext = true }),
}
