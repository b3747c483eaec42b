package conformance

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// stream is a numbered series of messages, in one order. Its message n follows from n, so that whoever receives it knows what
// has to be in it without having seen what was published.
type stream struct {
	id       int // 0 to 15, in the first byte of each payload
	channels []string
	// channel is the index of the channel of message n, size the length of its payload in bytes. A payload of less than mark
	// bytes does not tell its number, an empty one not even its stream.
	channel func(n int) int
	size    func(n int) int
	filler  []byte
	text    bool
}

// mark is how many bytes at the beginning of a payload tell its stream and number.
const mark = 6

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// newStream returns a stream on channels whose payloads are at most largest bytes. Without a size, they are of all sizes up to that.
func (c *busCase) newStream(id int, limits transport.Limits, largest int, channels ...string) *stream {
	s := &stream{id: id, text: limits.Text, filler: filler(2*largest+4096, limits.Text)}
	for _, channel := range channels {
		s.channels = append(s.channels, c.channel(channel))
	}
	s.channel = func(n int) int { return int(hash(n, 1) % uint64(len(channels))) }
	s.size = func(n int) int { return mixed(n, largest) }
	return s
}

// mixed returns a size for message n: half of them tiny, some large, few of the largest.
func mixed(n, largest int) int {
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

// hash spreads n.
func hash(n, salt int) uint64 {
	h := uint64(n)*0x9E3779B97F4A7C15 + uint64(salt)*0xBF58476D1CE4E5B9
	h ^= h >> 29
	h *= 0x94D049BB133111EB
	return h ^ h>>32
}

// head returns what the payload of message n begins with.
func (s *stream) head(n int) (head [mark]byte) {
	head[0] = digits[s.id<<2|n&3]
	for i, rest := 1, n>>2; i < mark; i, rest = i+1, rest>>6 {
		head[i] = digits[rest&63]
	}
	return head
}

// body returns the middle of the payload of message n, and its end, which fills up what is no whole number of characters.
func (s *stream) body(n, size int) (middle []byte, end string) {
	rest := max(0, size-mark)
	whole := rest &^ 3
	offset := int(hash(n, 3)%uint64(len(s.filler)-whole)) &^ 3
	return s.filler[offset : offset+whole], "xyz"[:rest-whole]
}

// at returns message n, with its payload in buffer if that is large enough.
func (s *stream) at(n int, buffer []byte) transport.Message {
	size, head := s.size(n), s.head(n)
	p := append(buffer[:0], head[:min(size, mark)]...)
	middle, end := s.body(n, size)
	return transport.Message{Channel: s.channels[s.channel(n)], Payload: append(append(p, middle...), end...)}
}

// is tells whether p is the payload of message n.
func (s *stream) is(n int, p []byte) bool {
	size := s.size(n)
	if len(p) != size {
		return false
	}
	if head := s.head(n); size <= mark {
		return string(p) == string(head[:size])
	} else if string(p[:mark]) != string(head[:]) {
		return false
	}
	middle, end := s.body(n, size)
	return bytes.Equal(p[mark:mark+len(middle)], middle) && string(p[mark+len(middle):]) == end
}

// number returns the stream and the number that a payload claims to be. Only those of at least mark bytes do.
func number(p []byte) (id, n int, ok bool) {
	if len(p) < mark {
		return 0, 0, false
	}
	for i := mark - 1; i > 0; i-- {
		n = n<<6 | strings.IndexByte(digits, p[i])
	}
	first := strings.IndexByte(digits, p[0])
	return first >> 2, n<<2 | first&3, first >= 0 && n >= 0
}

// filler returns size bytes to make payloads of: any bytes or, if it has to be text, characters of one to four bytes.
func filler(size int, text bool) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]byte, 0, size+8)
	for len(all) < size {
		r := random.Uint64()
		switch {
		case !text:
			all = append(all, byte(r), byte(r>>8), byte(r>>16), byte(r>>24), byte(r>>32), byte(r>>40), byte(r>>48), byte(r>>56))
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

// pace is what a bus was measured to take.
type pace struct {
	travel  time.Duration // from the call of Publish until a message is received
	message time.Duration // for each message of a large batch
}

// pace measures how quick bus is, with messages that have to arrive as all others. The session listens to channel.
func (c *busCase) pace(bus transport.Bus, s transport.Session, channel string) (p pace) {
	c.Helper()
	measure := func(count int) time.Duration {
		c.Helper()
		t := &traffic{busCase: c, called: "Publish some small messages, to see how long they take"}
		t.publish(c.newStream(15, bus.Limits(), 64, channel), []int{count}, bus)
		t.read("a session", s, channel)
		start := time.Now()
		t.run()
		return max(time.Since(start), time.Microsecond)
	}
	p.travel = min(measure(1), measure(1), measure(1))
	took := measure(256)
	if took < 10*time.Millisecond { // it is quick enough for a second look
		took = min(took, measure(256), measure(256))
	}
	p.message = max(took-p.travel, took/16) / 256
	return p
}

// within returns how often something fits into a time: at least min and at most max times.
func within(budget, each time.Duration, least, most int) int {
	return max(least, int(min(time.Duration(most), budget/max(each, 1))))
}
