package legacy

import (
	"bytes"
	"container/list"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
)

// pieceTimeout is how long the pieces of a message are kept after the first one.
const pieceTimeout = time.Minute

// The estimated memory of a message in pieces and of a piece, besides their bytes.
const (
	setOverhead   = 600
	pieceOverhead = 64
)

// pieces are the incomplete messages. All methods take constant time, apart from the bytes that they copy.
type pieces struct {
	most      int // messages
	mostBytes int
	largest   int // bytes of a message; 0: any number

	sets  map[setKey]*list.Element // of *set
	order list.List                // the oldest first
	bytes int
	lost  int // messages that were given up and not reported
}

func newPieces(most, mostBytes, largest int) pieces {
	return pieces{most: most, mostBytes: mostBytes, largest: largest, sets: make(map[setKey]*list.Element)}
}

type setKey struct{ channel, id string }

// set is one incomplete message.
type set struct {
	setKey
	began time.Time
	count int            // how many pieces it has
	parts map[int][]byte // JSON text without quotes
	bytes int            // its memory
	size  int            // the sum of the lengths of parts
	large bool           // it is too large and was reported: its pieces are not kept
}

// header is the header of a piece.
type header struct {
	id           string
	index, count int
}

// parseHeader reads the header of a piece.
func parseHeader(p []byte) (h header, ok bool) {
	for _, c := range p {
		if c >= 0x80 || c == '\\' {
			return h, false
		}
	}
	parts := bytes.Split(bytes.TrimSpace(p), []byte("_"))
	if len(parts) != 5 || len(parts[2]) == 0 {
		return h, false
	}
	h.id = string(parts[2])
	var okIndex, okCount bool
	h.index, okIndex = decimal(parts[3])
	h.count, okCount = decimal(parts[4])
	return h, okIndex && okCount && h.index < h.count
}

// decimal reads a number of a few digits.
func decimal(p []byte) (n int, ok bool) {
	if len(p) == 0 || len(p) > maxDigits {
		return 0, false
	}
	for _, c := range p {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// add takes a piece: JSON text without its quotes. If the message is complete, add returns it as a JSON string.
//
// The pieces stay as they are until they are joined, because Node.js cuts between the two halves of a character.
func (ps *pieces) add(channel, p []byte) ([]byte, error) {
	if len(p) <= pieceHeader {
		return nil, malformed("piece", errHeader)
	}
	h, ok := parseHeader(p[:pieceHeader])
	if !ok {
		return nil, malformed("piece", errHeader)
	}
	p = p[pieceHeader:]
	e := ps.sets[setKey{string(channel), h.id}]
	if e == nil {
		e = ps.open(setKey{string(channel), h.id}, h.count)
	}
	s := e.Value.(*set)
	if s.count != h.count {
		return nil, malformed("piece", fmt.Errorf("it says that there are %d pieces, and another one said %d",
			h.count, s.count))
	}
	if s.large {
		return nil, nil
	}
	ps.bytes -= s.bytes
	old, again := s.parts[h.index]
	if again { // the last one counts, as in Node.js
		s.bytes -= len(old)
		s.size -= len(old)
	} else {
		s.bytes += pieceOverhead
	}
	s.parts[h.index] = bytes.Clone(p)
	s.bytes += len(p)
	s.size += len(p)
	if ps.largest > 0 && s.size > ps.largest {
		size := s.size
		s.large, s.parts, s.size, s.bytes = true, nil, 0, setOverhead+len(s.channel)+len(s.id)
		ps.bytes += s.bytes
		return nil, malformed("piece", &fault.TooLargeError{Size: size, Limit: ps.largest, Option: "MaxMessageBytes"})
	}
	ps.bytes += s.bytes
	if len(s.parts) == s.count && s.bytes <= ps.mostBytes {
		ps.remove(e)
		return s.join(), nil
	}
	for ps.bytes > ps.mostBytes || len(ps.sets) > ps.most {
		ps.lose()
	}
	return nil, nil
}

func (s *set) join() []byte {
	text := append(make([]byte, 0, s.size+2), '"')
	for i := range s.count {
		text = append(text, s.parts[i]...)
	}
	return append(text, '"')
}

func (ps *pieces) open(key setKey, count int) *list.Element {
	s := &set{
		setKey: key, began: time.Now(), count: count, parts: make(map[int][]byte),
		bytes: setOverhead + len(key.channel) + len(key.id),
	}
	ps.bytes += s.bytes
	e := ps.order.PushBack(s)
	ps.sets[key] = e
	return e
}

func (ps *pieces) remove(e *list.Element) {
	s := ps.order.Remove(e).(*set)
	delete(ps.sets, s.setKey)
	ps.bytes -= s.bytes
}

// lose gives up the oldest message.
func (ps *pieces) lose() {
	e := ps.order.Front()
	if !e.Value.(*set).large {
		ps.lost++
	}
	ps.remove(e)
}

// expire gives up the messages that have waited for too long.
func (ps *pieces) expire() {
	if len(ps.sets) == 0 {
		return
	}
	now := time.Now()
	for e := ps.order.Front(); e != nil && now.Sub(e.Value.(*set).began) >= pieceTimeout; e = ps.order.Front() {
		ps.lose()
	}
}

// report adds the messages that were given up to a result of Parse.
func (ps *pieces) report(env *codec.Envelope, err error) (*codec.Envelope, error) {
	if ps.lost == 0 || err != nil {
		return env, err
	}
	lost := ps.lost
	ps.lost = 0
	if env != nil {
		env.Skipped += lost
		return env, nil
	}
	return nil, malformed("pieces", fmt.Errorf(
		"%d incomplete messages were given up: their other pieces did not come in time, or took too much memory", lost))
}
