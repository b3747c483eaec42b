package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var deliveryMutants = []mutant[conformance.Harness]{
	breaks("OwnMessagesArrive", "does not deliver a node's own messages", func(t *testing.T, b *bus) {
		var own sync.Map
		b.filterReceived(func(m *transport.Message) bool {
			_, mine := own.Load(string(m.Payload))
			return !mine
		})
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			for _, m := range msgs {
				own.Store(string(m.Payload), true)
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	sharesMessages("EverySessionReceives", "is a queue: each message goes to one session"),
	breaks("EverySessionReceives", "delivers to the first session of a bus only", func(t *testing.T, b *bus) {
		opened := 0
		b.session = func(s *session) {
			if opened++; opened > 1 {
				s.listen = func(context.Context, string) error { return nil }
			}
		}
	}),
	breaks("EverySessionReceives", "leaves out the fifth session", func(t *testing.T, b *bus) {
		opened := 0
		b.session = func(s *session) {
			if opened++; opened > 4 {
				s.listen = func(context.Context, string) error { return nil }
			}
		}
	}),
	breaks("EverySessionReceives", "delivers large messages to the first session of a bus only",
		func(t *testing.T, b *bus) {
			opened := 0
			b.session = func(s *session) {
				if opened++; opened > 1 {
					s.receive = func(ctx context.Context) (transport.Message, error) {
						m, err := s.Session.Receive(ctx)
						if err == nil && len(m.Payload) >= 4096 {
							return s.Session.Receive(ctx)
						}
						return m, err
					}
				}
			}
		}),
	breaks("NoCrossTalk", "delivers all channels to all sessions", func(t *testing.T, b *bus) {
		b.useOneChannel(func(string, map[string]int) int { return 1 })
	}),
	breaks("PublishNeedsNoListeners", "fails when nobody listens", func(t *testing.T, b *bus) {
		listeners := 0
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				listeners++
				return s.Session.Listen(ctx, channel)
			}
		}
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if listeners == 0 {
				return errors.New("no route")
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	breaks("EmptyPublishDoesNothing", "rejects an empty batch", func(t *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if len(msgs) == 0 {
				return errors.New("nothing to publish")
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	breaks("EmptyPublishDoesNothing", "repeats the last batch instead of an empty one", func(t *testing.T, b *bus) {
		var last []transport.Message
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if len(msgs) > 0 {
				last = deepClone(msgs)
			}
			return b.Hub.Publish(ctx, last...)
		}
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				last = []transport.Message{{Channel: channel}}
				return s.Session.Listen(ctx, channel)
			}
		}
	}),
	changesBatch("EqualMessagesAreDistinct", "merges equal neighbors, as a naive queue does",
		func(msgs []transport.Message) []transport.Message {
			return slices.CompactFunc(msgs, equal)
		}),
	changesBatch("EqualMessagesAreDistinct", "merges equal messages of a batch, as PostgreSQL does",
		func(msgs []transport.Message) []transport.Message {
			var all []transport.Message
			for _, m := range msgs {
				if !slices.ContainsFunc(all, func(other transport.Message) bool { return equal(m, other) }) {
					all = append(all, m)
				}
			}
			return all
		}),
	flawed("EqualMessagesAreDistinct", publishing, atLeast(4096), merged),
	flawed("EqualMessagesAreDistinct", receiving, atLeast(64<<10), merged),
	flawed("EqualMessagesAreDistinct", publishing, sized(0), merged),
	flawed("EqualMessagesAreDistinct", receiving, sized(1), merged),
	flawed("EqualMessagesAreDistinct", publishing, nth(5000), merged),
	flawed("EqualMessagesAreDistinct", publishing, every(100), merged),
	flawed("EqualMessagesAreDistinct", publishing, inBatch(257), merged),
	flawedLimited("EqualMessagesAreDistinct", textLimits, publishing, nearLimit, merged),
	breaks("EqualMessagesAreDistinct", "merges equal messages of consecutive calls", func(t *testing.T, b *bus) {
		var last transport.Message
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if len(msgs) == 1 && equal(last, msgs[0]) {
				return nil
			}
			last = msgs[len(msgs)-1]
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	changesBatch("EachMessageArrivesOnceInOrder", "sends a batch again, as a retry does",
		func(msgs []transport.Message) []transport.Message {
			return append(msgs, msgs...)
		}),
	breaks("EachMessageArrivesOnceInOrder", "refuses more parameters than a statement can have",
		func(t *testing.T, b *bus) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if len(msgs) > 2000 {
					return fmt.Errorf("%d parameters are too many", len(msgs))
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
}

var orderMutants = []mutant[conformance.Harness]{
	changesBatch("EachMessageArrivesOnceInOrder", "sends a batch backwards",
		func(msgs []transport.Message) []transport.Message {
			slices.Reverse(msgs)
			return msgs
		}),
	changesBatch("EachMessageArrivesOnceInOrder", "lets small messages overtake large ones",
		func(msgs []transport.Message) []transport.Message {
			slices.SortStableFunc(msgs, func(a, b transport.Message) int { return len(a.Payload) - len(b.Payload) })
			return msgs
		}),
	breaks("EachMessageArrivesOnceInOrder", "sends a batch only after the next one", func(t *testing.T, b *bus) {
		var held []transport.Message
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			now := held
			if held = nil; len(now) == 0 && len(msgs) > 2 {
				held = deepClone(msgs)
				return nil
			}
			return b.Hub.Publish(ctx, append(slices.Clone(msgs), now...)...)
		}
	}),
	changesBatch("OrderIsKeptAcrossChannels", "groups a batch by channel",
		func(msgs []transport.Message) []transport.Message {
			slices.SortStableFunc(msgs, func(a, b transport.Message) int {
				return int(a.Channel[len(a.Channel)-1]) - int(b.Channel[len(b.Channel)-1])
			})
			return msgs
		}),
	breaks("OrderIsKeptBetweenBuses", "sends messages after Publish has returned", func(t *testing.T, b *bus) {
		var sending sync.WaitGroup
		t.Cleanup(sending.Wait)
		before := make(chan struct{})
		close(before)
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			previous, sent, mine := before, make(chan struct{}), deepClone(msgs)
			before = sent
			sending.Go(func() {
				defer close(sent)
				<-previous
				time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
				b.Hub.Publish(t.Context(), mine...)
			})
			return nil
		}
	}),
}

// deepClone returns a copy that a bus may keep after Publish has returned.
func deepClone(msgs []transport.Message) []transport.Message {
	msgs = slices.Clone(msgs)
	for i := range msgs {
		msgs[i].Payload = slices.Clone(msgs[i].Payload)
	}
	return msgs
}

func equal(a, b transport.Message) bool {
	return a.Channel == b.Channel && string(a.Payload) == string(b.Payload)
}

// changesBatch returns a mutant whose Publish changes the batch.
func changesBatch(check, bug string, change func([]transport.Message) []transport.Message) mutant[conformance.Harness] {
	return breaks(check, bug, func(t *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			return b.Hub.Publish(ctx, change(slices.Clone(msgs))...)
		}
	})
}

// sharesMessages returns a mutant that delivers each message to one session only.
func sharesMessages(check, bug string) mutant[conformance.Harness] {
	return mutant[conformance.Harness]{check, bug, func(t *testing.T) conformance.Harness {
		var taken sync.Map
		return newBusMedium(transport.Limits{}).harness(func(b *bus) {
			b.filterReceived(func(m *transport.Message) bool {
				_, again := taken.LoadOrStore(string(m.Payload), true)
				return !again
			})
		})
	}}
}

// useOneChannel makes a mutant that sends everything over one channel. The func copies returns how often a
// session delivers a message on a channel, given how often it listens to which channels.
func (b *bus) useOneChannel(copies func(channel string, listening map[string]int) int) {
	const all = "all"
	b.changeEach(func(m *transport.Message) {
		m.Payload = slices.Concat([]byte(m.Channel), []byte{0}, m.Payload)
		m.Channel = all
	})
	b.session = func(s *session) {
		listening := make(map[string]int)
		s.listen = func(ctx context.Context, channel string) error {
			listening[channel]++
			return s.Session.Listen(ctx, all)
		}
		s.listenAll = s.listenEach
		s.unlisten = func(ctx context.Context, channel string) error {
			if listening[channel]--; listening[channel] <= 0 {
				delete(listening, channel)
			}
			return nil
		}
		s.mapReceived(func(m transport.Message) []transport.Message {
			end := slices.Index(m.Payload, 0)
			m.Channel, m.Payload = string(m.Payload[:end]), m.Payload[end+1:]
			return slices.Repeat([]transport.Message{m}, copies(m.Channel, listening))
		})
	}
}
