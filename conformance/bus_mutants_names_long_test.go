package conformance_test

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// longNameMutants have bugs with long names, or with names over the limit.
func longNameMutants() (mutants []mutant[conformance.Harness]) {
	for _, n := range []int{16, 20, 31, 32, 40, 48, 62, 63, 64, 100, 127, 128, 200, 255, 256, 512, 998, 999, 1000,
		4096, 4998, 4999} {
		mutants = append(mutants,
			renaming("ChannelLimitIsInclusive", fmt.Sprintf("cuts names to %d bytes", n), cutTo(n)),
			matching("ChannelLimitIsInclusive", fmt.Sprintf("compares %d bytes of names", n),
				func(listening, channel string) bool {
					return cutTo(n)(listening) == cutTo(n)(channel)
				}))
	}
	for bug, fold := range map[string]func(string) string{
		"folds case":     strings.ToLower,
		"trims spaces":   strings.TrimSpace,
		"cleans slashes": path.Clean,
	} {
		for _, n := range []int{46, 90, 4900} {
			mutants = append(mutants, matching("ChannelLimitIsInclusive",
				fmt.Sprintf("%s of names over %d bytes", bug, n), func(listening, channel string) bool {
					return listening == channel || min(len(listening), len(channel)) > n &&
						fold(listening) == fold(channel)
				}))
		}
	}
	for _, n := range []int{32, 40, 62} {
		mutants = append(mutants, breaksLimited("ChannelLimitIsInclusive",
			fmt.Sprintf("compares %d bytes of names, with a limit", n), textLimits,
			func(_ *testing.T, b *bus) {
				b.session = func(s *session) {
					s.listen = func(ctx context.Context, channel string) error {
						return s.Session.Listen(ctx, cutTo(n)(channel))
					}
				}
			}))
	}
	for bug, grown := range map[string]func(string) int{
		"counts quotes twice": func(s string) int {
			return len(s) + strings.Count(s, `"`) + strings.Count(s, "'")
		},
		"counts backslashes twice":             func(s string) int { return len(s) + strings.Count(s, `\`) },
		"counts the bytes of the escaped name": func(s string) int { return len(url.PathEscape(s)) },
		"counts a NUL at the end":              func(s string) int { return len(s) + 1 },
		"counts characters beyond the basic plane as six bytes": func(s string) int {
			return len(s) + 2*strings.Count(s, "\U0001F389")
		},
	} {
		mutants = append(mutants,
			breaksLimited("ChannelLimitIsInclusive", bug, textLimits, func(_ *testing.T, b *bus) {
				b.refuses(func(m transport.Message) bool { return grown(m.Channel) > textLimits.Channel })
			}),
			breaksLimited("ChannelLimitIsInclusive", bug+" in Listen", textLimits, func(_ *testing.T, b *bus) {
				b.session = func(s *session) {
					s.listen = func(ctx context.Context, channel string) error {
						if grown(channel) > textLimits.Channel {
							return errTooLarge
						}
						return s.Session.Listen(ctx, channel)
					}
				}
			}))
	}
	return append(mutants,
		renaming("ChannelLimitIsInclusive", "cuts a character in two and drops it, above 900 bytes",
			func(s string) string {
				return strings.ToValidUTF8(s[:min(len(s), 999)], "") + s[min(len(s), 999):]
			}),
		breaks("ChannelLimitIsInclusive", "has a limit for names but reports none", func(t *testing.T, b *bus) {
			b.refuses(func(m transport.Message) bool { return len(m.Channel) > 255 })
		}),
		breaksLimited("ChannelLimitIsInclusive", "cuts the longest name in Listen", textLimits,
			func(t *testing.T, b *bus) {
				b.session = func(s *session) {
					s.listen = func(ctx context.Context, channel string) error {
						return s.Session.Listen(ctx, cutTo(62)(channel))
					}
				}
			}),
		breaksLimited("OverLongChannelIsRejected", "cuts the name in Publish", textLimits, func(t *testing.T, b *bus) {
			b.changeEach(func(m *transport.Message) {
				m.Channel = strings.ToValidUTF8(cutTo(textLimits.Channel)(m.Channel), "")
			})
		}),
		overLong("cuts the name", func(channel string) (string, bool) {
			return cutTo(textLimits.Channel)(channel), true
		}),
		overLong("listens to nothing", func(channel string) (string, bool) { return "nothing", true }),
		overLong("counts characters", func(channel string) (string, bool) {
			return "nothing", len([]rune(channel)) <= textLimits.Channel
		}),
		overLong("trims before it counts", func(channel string) (string, bool) {
			return "nothing", len(strings.TrimSpace(channel)) <= textLimits.Channel
		}),
		overLong("allows one byte more", func(channel string) (string, bool) {
			return "nothing", len(channel) == textLimits.Channel+1
		}),
		breaksLimited("OverLongChannelIsRejected", "drops the message silently", textLimits,
			func(t *testing.T, b *bus) {
				b.publish = func(ctx context.Context, msgs ...transport.Message) error {
					return b.Hub.Publish(ctx, slices.DeleteFunc(slices.Clone(msgs),
						func(m transport.Message) bool { return len(m.Channel) > textLimits.Channel })...)
				}
			}),
		breaksLimited("OverLongChannelIsRejected", "cuts the name in ListenAll", textLimits,
			func(t *testing.T, b *bus) {
				b.session = func(s *session) {
					s.listenAll = func(ctx context.Context, channels []string) error {
						for _, channel := range channels {
							s.Session.Listen(ctx, cutTo(textLimits.Channel)(channel))
						}
						return nil
					}
				}
			}))
}

// overLong returns a mutant whose Listen replaces some names over the limit.
func overLong(bug string, other func(channel string) (string, bool)) mutant[conformance.Harness] {
	return breaksLimited("OverLongChannelIsRejected", bug+" in Listen", textLimits, func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				if name, ok := other(channel); ok && len(channel) > textLimits.Channel {
					return s.Session.Listen(ctx, strings.ToValidUTF8(name, ""))
				}
				return s.Session.Listen(ctx, channel)
			}
		}
	})
}
