package conformance

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// sequence is a numbered sequence of messages. The number of a message determines its channel and payload, so
// that a receiver can check a message without knowing what was published.
type sequence struct {
	id       int // 0 to 15, in the first byte of each payload
	channels []string
	// channel returns the index of the channel of message n, and size the length of its payload in bytes. A
	// payload shorter than headSize does not contain the number, an empty one not even the sequence.
	channel func(n int) int
	size    func(n int) int
	filler  []byte
	text    bool
}

// headSize is how many bytes at the beginning of a payload contain its sequence and number.
const headSize = 6

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// newSequence returns a sequence on channels. Its payloads have mixed sizes of at most largest bytes, unless
// the caller sets size.
func (c *busChecker) newSequence(id int, limits transport.Limits, largest int, channels ...string) *sequence {
	s := &sequence{id: id, text: limits.Text, filler: fillerBytes(2*largest+4096, limits.Text)}
	for _, channel := range channels {
		s.channels = append(s.channels, c.channel(channel))
	}
	s.channel = func(n int) int { return int(hash(n, 1) % uint64(len(channels))) }
	s.size = func(n int) int { return mixedSize(n, largest) }
	return s
}

// mixedSize returns a size for message n: half of them are tiny, some large, few of the largest size.
func mixedSize(n, largest int) int {
	h := hash(n, 2)
	most := 100
	switch kind := h >> 32 % 256; {
	case kind == 0:
		return largest - int(h%8)
	case kind < 8:
		most = largest
	case kind < 48:
		most = 8 << 10
	case kind < 128:
		most = 1 << 10
	}
	return 1 + int(h%uint64(min(most, largest)))
}

// hash returns a pseudo-random number that depends on n and salt.
func hash(n, salt int) uint64 {
	h := uint64(n)*0x9E3779B97F4A7C15 + uint64(salt)*0xBF58476D1CE4E5B9
	h ^= h >> 29
	h *= 0x94D049BB133111EB
	return h ^ h>>32
}

// head returns the beginning of the payload of message n.
func (s *sequence) head(n int) (head [headSize]byte) {
	head[0] = digits[s.id<<2|n&3]
	for i, rest := 1, n>>2; i < headSize; i, rest = i+1, rest>>6 {
		head[i] = digits[rest&63]
	}
	return head
}

// body returns the middle of the payload of message n, and its end, which fills the space that is too short for
// a character.
func (s *sequence) body(n, size int) (middle []byte, end string) {
	rest := max(0, size-headSize)
	whole := rest &^ 3
	offset := int(hash(n, 3)%uint64(len(s.filler)-whole)) &^ 3
	return s.filler[offset : offset+whole], "xyz"[:rest-whole]
}

// message returns message n. It uses buffer for the payload if buffer is large enough.
func (s *sequence) message(n int, buffer []byte) transport.Message {
	size, head := s.size(n), s.head(n)
	p := append(buffer[:0], head[:min(size, headSize)]...)
	middle, end := s.body(n, size)
	return transport.Message{Channel: s.channels[s.channel(n)], Payload: append(append(p, middle...), end...)}
}

// matches tells whether p is the payload of message n.
func (s *sequence) matches(n int, p []byte) bool {
	size := s.size(n)
	if len(p) != size {
		return false
	}
	if head := s.head(n); size <= headSize {
		return string(p) == string(head[:size])
	} else if string(p[:headSize]) != string(head[:]) {
		return false
	}
	middle, end := s.body(n, size)
	return bytes.Equal(p[headSize:headSize+len(middle)], middle) && string(p[headSize+len(middle):]) == end
}

// parseNumber returns the sequence and the number that a payload contains, if it has at least headSize bytes.
func parseNumber(p []byte) (id, n int, ok bool) {
	if len(p) < headSize {
		return 0, 0, false
	}
	for i := headSize - 1; i > 0; i-- {
		n = n<<6 | strings.IndexByte(digits, p[i])
	}
	first := strings.IndexByte(digits, p[0])
	return first >> 2, n<<2 | first&3, first >= 0 && n >= 0
}

// fillerBytes returns size bytes for payloads: any bytes or, if text is true, characters of one to four bytes.
func fillerBytes(size int, text bool) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]byte, 0, size+8)
	for len(all) < size {
		r := random.Uint64()
		switch {
		case !text:
			all = append(all, byte(r), byte(r>>8), byte(r>>16), byte(r>>24), byte(r>>32), byte(r>>40), byte(r>>48),
				byte(r>>56))
		case r%4 == 0:
			all = append(all, "\U0001F389"...)
		case r%4 == 1:
			all = append(all, "éЖ"...)
		case r%4 == 2:
			all = append(all, "€\""...)
		default:
			all = append(all, digits[r>>8&63], digits[r>>16&63], digits[r>>24&63], '\\')
		}
	}
	return all[:size&^3]
}

// busTiming is the measured speed of a bus.
type busTiming struct {
	latency    time.Duration // from the call of Publish until a message is received
	perMessage time.Duration // for each message of a large batch
}

// measureTiming measures the speed of bus, with messages that must arrive. The session listens to channel.
func (c *busChecker) measureTiming(bus transport.Bus, s transport.Session, channel string) (p busTiming) {
	c.Helper()
	measure := func(count int) time.Duration {
		c.Helper()
		t := &traffic{busChecker: c, called: "Publish some small messages, to see how long they take"}
		t.addSequence(c.newSequence(15, bus.Limits(), 64, channel), []int{count}, bus)
		t.addReader("a session", s, channel)
		start := time.Now()
		t.transfer()
		return max(time.Since(start), time.Microsecond)
	}
	p.latency = min(measure(1), measure(1), measure(1))
	took := measure(256)
	if took < 10*time.Millisecond { // fast enough to measure again
		took = min(took, measure(256), measure(256))
	}
	p.perMessage = max(took-p.latency, took/16) / 256
	return p
}

// countWithin returns how often an action that takes each fits into budget, but at least least and at most most
// times.
func countWithin(budget, each time.Duration, least, most int) int {
	return max(least, int(min(time.Duration(most), budget/max(each, 1))))
}
