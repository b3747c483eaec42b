package conformance_test

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var contentMutants = []mutant[conformance.Harness]{
	changesPayload("PayloadsArriveUnchanged", "repairs what is not text",
		func(p []byte) []byte { return bytes.ToValidUTF8(p, []byte("\ufffd")) }),
	changesPayload("PayloadsArriveUnchanged", "trims payloads, as a line protocol does", bytes.TrimSpace),
	changesPayload("PayloadsArriveUnchanged", "ends at NUL, as a C string does", func(p []byte) []byte {
		before, _, _ := bytes.Cut(p, []byte{0})
		return before
	}),
	changesPayload("PayloadsArriveUnchanged", "removes escapes", func(p []byte) []byte {
		if s, err := strconv.Unquote(`"` + string(p) + `"`); err == nil {
			return []byte(s)
		}
		return p
	}),
	changesPayload("PayloadsArriveUnchanged", "supports the basic multilingual plane only", func(p []byte) []byte {
		return bytes.Map(func(r rune) rune {
			if r > 0xffff {
				return utf8.RuneError
			}
			return r
		}, p)
	}),
	breaksLimited("PayloadsArriveUnchanged", "treats U+FFFF as the end of the text", textLimits,
		func(t *testing.T, b *bus) {
			b.changeEach(func(m *transport.Message) { m.Payload, _, _ = bytes.Cut(m.Payload, []byte("\uffff")) })
		}),
	breaks("PayloadsArriveUnchanged", "drops empty payloads", func(t *testing.T, b *bus) {
		b.filterReceived(func(m *transport.Message) bool { return len(m.Payload) > 0 })
	}),
	byReference("PayloadIsNotRetained", "keeps the publisher's payload", func(p []byte) []byte { return p },
		bytes.Clone),
	byReference("PayloadIsNotRetained", "keeps the publisher's payload if it is large", func(p []byte) []byte {
		if len(p) >= 4096 {
			return p
		}
		return bytes.Clone(p)
	}, bytes.Clone),
	byReference("ReceivedPayloadBelongsToCaller", "gives all sessions one payload if it is large", bytes.Clone,
		func(p []byte) []byte {
			if len(p) >= 4096 {
				return p
			}
			return bytes.Clone(p)
		}),
	reusesBuffers("ReceivedPayloadBelongsToCaller", "receives large messages into one buffer", 1, 4096),
	reusesBuffers("ReceivedPayloadBelongsToCaller", "receives into two buffers in turn", 2, 0),
	reusesBuffers("EachMessageArrivesOnceInOrder", "receives into a hundred buffers in turn", 100, 0),
	byReference("ReceivedPayloadBelongsToCaller", "gives all sessions one payload", bytes.Clone,
		func(p []byte) []byte { return p }),
	breaks("ReceivedPayloadBelongsToCaller", "receives into one buffer", func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			buffer := make([]byte, 4096)
			s.receive = func(ctx context.Context) (transport.Message, error) {
				m, err := s.Session.Receive(ctx)
				m.Payload = buffer[:copy(buffer, m.Payload)]
				return m, err
			}
		}
	}),
	breaks("ReceivedPayloadBelongsToCaller", "reads ahead into the room behind a payload", func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			var buffer []byte // two messages are read at a time
			var next *transport.Message
			s.receive = func(ctx context.Context) (transport.Message, error) {
				if m := next; m != nil {
					next = nil
					return *m, nil
				}
				m, err := s.Session.Receive(ctx)
				if err != nil {
					return m, err
				}
				size := len(m.Payload)
				buffer = append([]byte{}, m.Payload...)
				if n, err := s.receiveWaiting(ctx); err == nil {
					buffer = append(buffer, n.Payload...)
					n.Payload = buffer[size:]
					next = &n
				}
				m.Payload = buffer[:size]
				return m, nil
			}
		}
	}),
}

// changesPayload returns a mutant that changes payloads.
func changesPayload(check, bug string, change func([]byte) []byte) mutant[conformance.Harness] {
	return breaks(check, bug, func(t *testing.T, b *bus) {
		b.changeEach(func(m *transport.Message) { m.Payload = change(m.Payload) })
	})
}

// byReference returns a mutant that keeps payloads in memory and sends their numbers only.
func byReference(check, bug string, in, out func([]byte) []byte) mutant[conformance.Harness] {
	return mutant[conformance.Harness]{check, bug, func(t *testing.T) conformance.Harness {
		var mu sync.Mutex
		var kept [][]byte
		return newBusMedium(transport.Limits{}).harness(func(b *bus) {
			b.filterReceived(func(m *transport.Message) bool {
				mu.Lock()
				defer mu.Unlock()
				i, _ := strconv.Atoi(string(m.Payload))
				m.Payload = out(kept[i])
				return true
			})
			b.changeEach(func(m *transport.Message) {
				mu.Lock()
				defer mu.Unlock()
				kept = append(kept, in(m.Payload))
				m.Payload = []byte(strconv.Itoa(len(kept) - 1))
			})
		})
	}}
}

// reusesBuffers returns a mutant that receives payloads of at least some bytes into a few buffers in turn.
func reusesBuffers(check, bug string, buffers, bytes int) mutant[conformance.Harness] {
	return breaksSession(check, bug, func(_ *testing.T, s *session) {
		turn, all := 0, make([][]byte, buffers)
		s.receive = func(ctx context.Context) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if err == nil && len(m.Payload) >= bytes {
				turn = (turn + 1) % buffers
				all[turn] = append(all[turn][:0], m.Payload...)
				m.Payload = all[turn]
			}
			return m, err
		}
	})
}
