package engine

import (
	"bytes"
	"strconv"

	"github.com/backplane-go/backplane/transport"
)

// places finds the positions of the notifications that a session of the log receives.
//
// Each transaction that appends sends a header first, on a channel of the log: for each of its channels the first
// offset, and which of the messages that follow are kept. The notifications of a transaction follow each other, and the
// session receives all of them that are on channels to which it listens. So after a header the messages of a channel
// can be counted, provided that the session listened to the channel all the time.
//
// A channel to which the session has just begun to listen may miss the first messages of a transaction: the server
// reads its queue in pieces, and may run LISTEN between two of them. So messages of a new channel are dropped until a
// notification of the session itself, sent after LISTEN, has come back. All of them were published before Listen
// returned, which need not be delivered.
type places struct {
	header   string // the channel of the headers
	channels map[string]*place
	headers  uint64   // how many have been received
	epoch    string   // of the last one
	sync     string   // the notification that is waited for
	synced   bool     // it has come back
	started  []*place // the channels that wait for it

	lastName string // the channel of the last message
	last     *place
	current  transport.Position // of the message that is being delivered; zero if it is not kept

	queue []transport.Position // of the messages in the session's queue
	head  int
	taken transport.Position // of the message that was received last

	received receivedAt // the last kept one
}

// place is what is known about the next messages of a channel.
type place struct {
	starting bool   // messages are dropped
	header   uint64 // the number of the header that the fields below are from
	next     uint64 // the next offset
	keeps    bool   // the messages of the current run are kept
	left     int    // messages that are left in the current run
	runs     []byte // the lengths of the runs after it, separated by commas
}

func newPlaces(header string) *places {
	return &places{header: header, channels: make(map[string]*place)}
}

// accept processes a notification and reports whether it is a message for the queue.
func (p *places) accept(channel string, payload []byte) bool {
	if channel == p.header {
		p.acceptHeader(payload)
		return false
	}
	if channel != p.lastName || p.last == nil {
		p.lastName, p.last = channel, p.channels[channel]
	}
	p.current = transport.Position{}
	at := p.last
	switch {
	case at == nil: // a channel that a hook of the application listens to
	case at.starting:
		return false
	case at.header == p.headers:
		if offset := at.advance(); offset != 0 {
			p.current = transport.Position{Epoch: p.epoch, Offset: transport.Offset{Major: offset}}
		}
	}
	return true
}

// advance returns the offset of the next message, or 0 if it is not kept.
func (at *place) advance() uint64 {
	for at.left == 0 {
		if len(at.runs) == 0 {
			return 0
		}
		var text []byte
		text, at.runs, _ = bytes.Cut(at.runs, []byte{','})
		at.left, _ = strconv.Atoi(string(text))
		at.keeps = !at.keeps
	}
	at.left--
	if !at.keeps {
		return 0
	}
	at.next++
	return at.next - 1
}

// acceptHeader reads a header, which replaces what is left of the one before. Anyone can send one: it is ignored unless
// it is well-formed.
func (p *places) acceptHeader(payload []byte) {
	if sync, ok := bytes.CutPrefix(payload, []byte(syncPrefix)); ok {
		if p.sync != "" && string(sync) == p.sync {
			p.synced = true
			for _, at := range p.started { // at once, because the next messages may be those of a whole transaction
				at.starting = false
			}
			p.started = nil
		}
		return
	}
	epoch, rest, ok := bytes.Cut(payload, []byte{' '})
	if !ok || !isEpoch(epoch) || !eachEntry(rest, func([]byte, uint64, []byte) {}) {
		return
	}
	p.headers++
	if string(epoch) != p.epoch {
		p.epoch = string(epoch)
	}
	eachEntry(rest, func(channel []byte, first uint64, runs []byte) {
		if at := p.channels[string(channel)]; at != nil {
			*at = place{starting: at.starting, header: p.headers, next: first, runs: runs}
		}
	})
}

// eachEntry calls f for each channel of a header, and reports whether the header is well-formed.
func eachEntry(header []byte, f func(channel []byte, first uint64, runs []byte)) bool {
	for {
		first, rest, ok1 := cutNumber(header, ' ')
		length, rest, ok2 := cutNumber(rest, ' ')
		if !ok1 || !ok2 || first == 0 || length >= uint64(len(rest)) || rest[length] != ' ' {
			return false
		}
		channel, rest := rest[:length], rest[length+1:]
		runs, rest, more := bytes.Cut(rest, []byte{' '})
		if !isRuns(runs) {
			return false
		}
		f(channel, first, runs)
		if !more {
			return true
		}
		header = rest
	}
}

// cutNumber reads a number up to a separator.
func cutNumber(text []byte, separator byte) (n uint64, rest []byte, ok bool) {
	digits, rest, ok := bytes.Cut(text, []byte{separator})
	n, err := strconv.ParseUint(string(digits), 10, 62)
	return n, rest, ok && err == nil
}

// isRuns reports whether text consists of numbers that are separated by commas.
func isRuns(text []byte) bool {
	digits := 0
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9' && digits < 9:
			digits++
		case c == ',' && digits > 0:
			digits = 0
		default:
			return false
		}
	}
	return digits > 0
}

// isEpoch reports whether text can be an epoch, see transport.Log.
func isEpoch(text []byte) bool {
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(text) >= 4 && len(text) <= 32
}

// push appends the position of the message that is being delivered to the queue.
func (p *places) push() { p.queue = append(p.queue, p.current) }

// pop removes the position of the first message in the queue.
func (p *places) pop() {
	p.taken = p.queue[p.head]
	p.head++
	if p.head == len(p.queue) {
		p.head = 0
		p.queue = p.queue[:0]
		if cap(p.queue) > 4096 {
			p.queue = nil
		}
	}
}
