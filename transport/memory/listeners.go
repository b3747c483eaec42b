package memory

import (
	"cmp"
	"context"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var (
	_ transport.Counter        = (*Hub)(nil)
	_ transport.PrefixListener = (*Hub)(nil)
)

// ListensToPrefixes implements transport.PrefixListener.
func (h *Hub) ListensToPrefixes() bool { return true }

// Listeners implements transport.Counter.
func (h *Hub) Listeners(ctx context.Context, channels ...string) ([]int, error) {
	if err := cmp.Or(ctx.Err(), h.reachable(ctx)); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := make([]int, len(channels))
	for i, channel := range channels {
		counts[i] = len(h.listeners[channel])
	}
	return counts, nil
}

// publishToPrefixes puts m into the buffer of every session that listens to the beginning of its channel's name. The
// caller holds h.slot.
func (h *Hub) publishToPrefixes(ctx context.Context, m transport.Message) error {
	for name, sessions := range h.prefixesOf(m.Channel) {
		m.Channel = name
		for _, s := range sessions {
			if err := s.deliver(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// prefixesOf returns the sessions that listen to the beginning of a channel's name, by what they listen to. It returns
// nil if there are none.
func (h *Hub) prefixesOf(channel string) (found map[string][]*session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, prefix := range h.prefixes {
		if strings.HasPrefix(channel, prefix) {
			if found == nil {
				found = make(map[string][]*session)
			}
			found[name] = h.listeners[name]
		}
	}
	return found
}
