package conformance_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var nameMutants = []mutant[conformance.Harness]{
	renaming("ChannelsAreData", "folds case, as an unquoted identifier", strings.ToLower),
	renaming("ChannelsAreData", "cuts names to 63 bytes, as LISTEN", func(s string) string { return s[:min(63, len(s))] }),
	renaming("ChannelsAreData", "trims names", strings.TrimSpace),
	renaming("ChannelsAreData", "cleans names", func(s string) string { return strings.NewReplacer(`"`, "", `'`, "").Replace(s) }),
	breaks("ChannelsAreData", "takes names for prefixes", func(t *testing.T, b *bus) {
		b.oneChannel(func(channel string, listening map[string]int) int {
			for name := range listening {
				if strings.HasPrefix(channel, name) {
					return 1
				}
			}
			return 0
		})
	}),
	breaks("ChannelsAreData", "pastes names into statements", func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				if strings.Contains(channel, `"`) {
					return errors.New("syntax error")
				}
				return s.Session.Listen(ctx, channel)
			}
		}
	}),
}

// renaming returns a mutant that changes channel names in Publish and Listen.
func renaming(check, bug string, rename func(string) string) mutant[conformance.Harness] {
	return breaks(check, bug, func(t *testing.T, b *bus) {
		b.each(func(m *transport.Message) { m.Channel = rename(m.Channel) })
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error { return s.Session.Listen(ctx, rename(channel)) }
		}
	})
}
