package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// A mutant whose messages are damaged in transit consists of three parts, in one line:

// side is where the flaw is.
type side struct {
	name  string
	apply func(b *bus, flaw func() *flaw)
}

// publishing is a flaw of Publish. Each bus has its own state.
var publishing = side{"publishing", func(b *bus, newFlaw func() *flaw) {
	f, outages := newFlaw(), int32(0)
	b.publish = func(ctx context.Context, msgs ...transport.Message) error {
		f.mu.Lock()
		if now := b.outages.Load(); now != outages {
			outages, f.outage = now, true
			f.sinceOutage = 0
		}
		var sent []transport.Message
		for i, m := range msgs {
			sent = append(sent, f.apply(m, messageInfo{batch: len(msgs), index: i + 1})...)
		}
		f.mu.Unlock()
		return b.Hub.Publish(ctx, sent...)
	}
}}

// receiving is a flaw of Receive. Each session has its own state.
var receiving = side{"receiving", func(b *bus, newFlaw func() *flaw) {
	b.session = func(s *session) {
		f := newFlaw()
		f.outage = b.outages.Load() > 0
		s.listen = func(ctx context.Context, channel string) error {
			f.sinceListen = 0
			return s.Session.Listen(ctx, channel)
		}
		s.mapReceived(func(m transport.Message) []transport.Message { return f.apply(m, messageInfo{}) })
	}
}}

// messageInfo describes a message to a selector. All counts begin with 1.
type messageInfo struct {
	size, limit  int // of the payload, in bytes; a limit of 0 means none
	nth          int // counts the messages of the bus when publishing, of the session when receiving
	onChannel    int // counts the messages of the same channel
	channel      int // the message's channel is the n-th that was used
	batch, index int // the message is the index-th of a batch; 0 when receiving
	// Counts since the last outage, or the messages of a session that was opened after one; 0 without an
	// outage.
	sinceOutage int
	sinceListen int // counts since the last Listen; when publishing, equal to nth
}

// selector selects the messages that the flaw affects.
type selector struct {
	name    string
	matches func(p messageInfo) bool
}

var (
	nearLimit = selector{"a message near the limit",
		func(p messageInfo) bool { return p.limit > 0 && p.size > p.limit-8 }}
	firstAfterOpen  = selector{"the first message", func(p messageInfo) bool { return p.nth == 1 }}
	afterListen     = selector{"the first message after Listen", func(p messageInfo) bool { return p.sinceListen == 1 }}
	onSecondChannel = selector{"a message of the second channel", func(p messageInfo) bool { return p.channel == 2 }}
)

func atLeast(bytes int) selector {
	return selector{fmt.Sprintf("a message of %d bytes or more", bytes),
		func(p messageInfo) bool { return p.size >= bytes }}
}
func sized(bytes int) selector {
	return selector{fmt.Sprintf("a message of exactly %d bytes", bytes),
		func(p messageInfo) bool { return p.size == bytes }}
}
func nth(n int) selector {
	return selector{fmt.Sprintf("message %d", n), func(p messageInfo) bool { return p.nth == n }}
}
func every(n int) selector {
	return selector{fmt.Sprintf("one message in %d", n), func(p messageInfo) bool { return p.nth%n == 0 }}
}
func nthOnChannel(n int) selector {
	return selector{fmt.Sprintf("message %d of a channel", n), func(p messageInfo) bool { return p.onChannel == n }}
}
func onChannel(n int) selector {
	return selector{fmt.Sprintf("a message of channel %d", n), func(p messageInfo) bool { return p.channel == n }}
}
func afterOutage(n int) selector {
	return selector{fmt.Sprintf("message %d after an outage", n),
		func(p messageInfo) bool { return p.sinceOutage == n }}
}
func lastOfBatch(longer int) selector {
	return selector{fmt.Sprintf("the last message of a batch of more than %d", longer), func(p messageInfo) bool {
		return p.batch > longer && p.index == p.batch
	}}
}
func inBatch(n int) selector {
	return selector{fmt.Sprintf("message %d of a batch", n), func(p messageInfo) bool { return p.index == n }}
}
func beyondInBatch(n int) selector {
	return selector{fmt.Sprintf("a message beyond the first %d of a batch", n),
		func(p messageInfo) bool { return p.index > n }}
}
func (w selector) and(other selector) selector {
	return selector{w.name + ", if it is " + other.name,
		func(p messageInfo) bool { return w.matches(p) && other.matches(p) }}
}

// effect is what happens to a selected message. It returns the messages that are sent in its place.
type effect struct {
	name      string
	apply     func(f *flaw, m transport.Message) []transport.Message
	needsLast bool // needs the payload of the previous message
}

var (
	lost    = effect{name: "is lost", apply: func(*flaw, transport.Message) []transport.Message { return nil }}
	doubled = effect{name: "is doubled", apply: func(_ *flaw, m transport.Message) []transport.Message {
		return []transport.Message{m, m}
	}}
	// swapped lets the next message overtake.
	swapped = overtaken(1)
	// changed flips one bit of a letter, so that text stays valid text.
	changed = altering("has a byte changed", func(p []byte) []byte {
		for i := len(p) / 2; i < len(p); i++ {
			if letter := p[i] | 0x20; letter >= 'b' && letter <= 'y' {
				p[i] ^= 1
				return p
			}
		}
		return append(p[:len(p)-1], '!')
	})
	cut        = altering("loses its last byte", func(p []byte) []byte { return p[:len(p)-1] })
	emptied    = altering("loses its payload", func([]byte) []byte { return nil })
	lengthened = altering("gets a line end", func(p []byte) []byte { return append(p, '\n') })
	// strayed sends on the channel that was used before, or on one with a similar name.
	strayed = effect{name: "goes to another channel", apply: func(f *flaw, m transport.Message) []transport.Message {
		if f.last.Channel != "" && f.last.Channel != m.Channel {
			m.Channel = f.last.Channel
		} else {
			m.Channel += "x"
		}
		return []transport.Message{m}
	}}
	// repeated sends the payload of the previous message, like a buffer that is used twice.
	repeated = effect{name: "gets the payload of the previous message",
		apply: func(f *flaw, m transport.Message) []transport.Message {
			m.Payload = f.last.Payload
			return []transport.Message{m}
		}, needsLast: true}
	// merged loses a message that equals the previous one.
	merged = effect{name: "is merged with an equal neighbor",
		apply: func(f *flaw, m transport.Message) []transport.Message {
			if equal(f.last, m) {
				return nil
			}
			return []transport.Message{m}
		}, needsLast: true}
)

// overtaken lets the next n messages overtake.
func overtaken(n int) effect {
	return effect{name: fmt.Sprintf("is overtaken by %d", n),
		apply: func(f *flaw, m transport.Message) []transport.Message {
			f.later(n, m)
			return nil
		}}
}

// doubledLater sends the message again after n others, as a retry does.
func doubledLater(n int) effect {
	return effect{name: fmt.Sprintf("is sent again after %d others", n),
		apply: func(f *flaw, m transport.Message) []transport.Message {
			f.later(n, m)
			return []transport.Message{m}
		}}
}

func altering(name string, change func(p []byte) []byte) effect {
	return effect{name: name, apply: func(_ *flaw, m transport.Message) []transport.Message {
		if len(m.Payload) > 0 {
			m.Payload = change(slices.Clone(m.Payload))
		}
		return []transport.Message{m}
	}}
}

// flaw is the state of one flaw, of a bus or of a session.
type flaw struct {
	selector selector
	effect   effect
	limit    int

	mu          sync.Mutex // guards the following fields
	nth         int
	sinceListen int
	outage      bool
	sinceOutage int
	counts      map[string]int // by channel
	order       map[string]int // of channels
	last        transport.Message
	held        []heldMessage
}

// heldMessage is a message that others overtake.
type heldMessage struct {
	m    transport.Message
	wait int // number of messages that still overtake it
}

func (f *flaw) later(n int, m transport.Message) {
	m.Payload = slices.Clone(m.Payload)
	f.held = append(f.held, heldMessage{m, n + 1})
}

// apply returns the messages that are sent in place of m.
func (f *flaw) apply(m transport.Message, p messageInfo) []transport.Message {
	f.nth++
	f.sinceListen++
	if f.outage {
		f.sinceOutage++
	}
	f.counts[m.Channel]++
	if f.order[m.Channel] == 0 {
		f.order[m.Channel] = len(f.order) + 1
	}
	p.size, p.limit, p.nth, p.sinceListen, p.sinceOutage = len(m.Payload), f.limit, f.nth, f.sinceListen, f.sinceOutage
	p.onChannel, p.channel = f.counts[m.Channel], f.order[m.Channel]

	sent := []transport.Message{m}
	if f.selector.matches(p) {
		sent = f.effect.apply(f, m)
	}
	f.last.Channel = m.Channel
	if f.effect.needsLast {
		f.last.Payload = slices.Clone(m.Payload)
	}
	f.held = slices.DeleteFunc(f.held, func(d heldMessage) bool { return d.wait <= 0 })
	for i := range f.held {
		if f.held[i].wait--; f.held[i].wait == 0 {
			sent = append(sent, f.held[i].m)
		}
	}
	return sent
}

// flawed returns a mutant of an unlimited bus: on one side, the effect applies to the selected messages.
func flawed(check string, side side, selector selector, effect effect) mutant[conformance.Harness] {
	return flawedLimited(check, transport.Limits{}, side, selector, effect)
}

// flawedLimited is flawed for a bus with limits.
func flawedLimited(check string, limits transport.Limits, side side, selector selector,
	effect effect) mutant[conformance.Harness] {
	bug := fmt.Sprintf("when %s, %s %s", side.name, selector.name, effect.name)
	if limits.Payload > 0 {
		bug += fmt.Sprintf(" (limit %d)", limits.Payload)
	}
	return mutant[conformance.Harness]{check, bug, func(*testing.T) conformance.Harness {
		h := newBusMedium(limits).harness(func(b *bus) {
			side.apply(b, func() *flaw {
				return &flaw{selector: selector, effect: effect, limit: limits.Payload, counts: make(map[string]int),
					order: make(map[string]int)}
			})
		})
		h.Patience = time.Second // the flaw must be caught, not a busy machine
		return h
	}}
}
