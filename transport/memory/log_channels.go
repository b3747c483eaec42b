package memory

import (
	"crypto/rand"
	"sort"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// recordOverhead is the approximate memory in bytes that a kept message needs besides its payload.
const recordOverhead = 128

// hubLog holds the kept messages of all channels. Hub.mu guards it.
type hubLog struct {
	epoch    string
	newest   uint64 // offset; channels share the numbers, so those of a channel have gaps
	capacity int64
	bytes    int64
	channels map[string]*channelLog
	order    fifo[orderEntry] // the messages of all channels, oldest first, and some that were removed
}

// channelLog holds the kept messages of a channel.
type channelLog struct {
	records         fifo[keptRecord]
	trimmed, newest uint64
}

type keptRecord struct {
	payload          []byte // never modified
	offset, previous uint64
	at               time.Time
}

// orderEntry names a message. It was removed from its channel if that has trimmed it.
type orderEntry struct {
	channel *channelLog
	offset  uint64
}

// place is the place of a kept message.
type place struct {
	epoch            string
	offset, previous transport.Offset
}

func newHubLog(capacity int64) hubLog {
	return hubLog{epoch: rand.Text(), capacity: capacity, channels: make(map[string]*channelLog)}
}

func (r *keptRecord) size() int64 { return int64(len(r.payload)) + recordOverhead }

func count(n uint64) transport.Offset { return transport.Offset{Major: n} }

// add keeps a message. It removes the oldest ones if there is no room.
func (l *hubLog) add(channel string, payload []byte, now time.Time) *place {
	c := l.channels[channel]
	if c == nil {
		c = &channelLog{}
		l.channels[channel] = c
	}
	l.newest++
	r := keptRecord{payload: payload, offset: l.newest, previous: c.newest, at: now}
	c.newest = r.offset
	c.records.push(r)
	l.order.push(orderEntry{c, r.offset})
	l.bytes += r.size()
	l.trimBytes(l.capacity, r.offset)
	return &place{epoch: l.epoch, offset: count(r.offset), previous: count(r.previous)}
}

func (l *hubLog) bounds(channel string) transport.Bounds {
	b := transport.Bounds{Epoch: l.epoch}
	if c := l.channels[channel]; c != nil {
		b.Trimmed, b.Newest = count(c.trimmed), count(c.newest)
	}
	return b
}

// trimBytes removes the oldest messages until all take no more than max bytes. It stops before the offset last, unless
// that is 0.
func (l *hubLog) trimBytes(max int64, last uint64) {
	for l.bytes > max && l.order.len() > 0 {
		e := l.order.at(0)
		if e.offset == last {
			return
		}
		l.trim(e.channel, e.offset)
		l.order.pop()
	}
}

// trimAge removes the messages that were kept before a time.
func (l *hubLog) trimAge(before time.Time) {
	for l.order.len() > 0 {
		e := l.order.at(0)
		if e.offset > e.channel.trimmed && !e.channel.records.at(0).at.Before(before) {
			return
		}
		l.trim(e.channel, e.offset)
		l.order.pop()
	}
}

// trim removes the messages of a channel up to an offset.
func (l *hubLog) trim(c *channelLog, upTo uint64) {
	for c.records.len() > 0 && c.records.at(0).offset <= upTo {
		r := c.records.pop()
		l.bytes -= r.size()
		c.trimmed = r.offset
	}
}

// oldest returns when the oldest message was kept.
func (l *hubLog) oldest() time.Time {
	for i := range l.order.len() {
		if e := l.order.at(i); e.offset > e.channel.trimmed {
			return e.channel.records.at(0).at
		}
	}
	return time.Time{}
}

// after returns the messages after an offset. The payloads are those of the log.
func (l *hubLog) after(channel string, offset transport.Offset, limit transport.ReadLimit) []transport.Record {
	c := l.channels[channel]
	if c == nil {
		return nil
	}
	first := c.find(offset, func(cmp int) bool { return cmp > 0 })
	end := first
	for b := newBudget(limit); end < c.records.len() && b.take(c.records.at(end)); end++ {
	}
	return l.copy(channel, c, first, end)
}

// before returns the last messages before an offset, or the last ones of all. The payloads are those of the log.
func (l *hubLog) before(channel string, offset transport.Offset, limit transport.ReadLimit) []transport.Record {
	c := l.channels[channel]
	if c == nil {
		return nil
	}
	end := c.records.len()
	if !offset.IsZero() {
		end = c.find(offset, func(cmp int) bool { return cmp >= 0 })
	}
	first := end
	for b := newBudget(limit); first > 0 && b.take(c.records.at(first-1)); first-- {
	}
	return l.copy(channel, c, first, end)
}

// find returns the index of the first message whose comparison with an offset is accepted.
func (c *channelLog) find(offset transport.Offset, accept func(cmp int) bool) int {
	return sort.Search(c.records.len(), func(i int) bool {
		return accept(count(c.records.at(i).offset).Compare(offset))
	})
}

func (l *hubLog) copy(channel string, c *channelLog, first, end int) []transport.Record {
	if first == end {
		return nil
	}
	records := make([]transport.Record, 0, end-first)
	for i := first; i < end; i++ {
		r := c.records.at(i)
		records = append(records, transport.Record{
			Message: transport.Message{Channel: channel, Payload: r.payload},
			Keep:    true, Epoch: l.epoch, Offset: count(r.offset), Previous: count(r.previous),
		})
	}
	return records
}

// budget is what a transport.ReadLimit still allows.
type budget struct {
	records, bytes int
	began          bool
}

func newBudget(limit transport.ReadLimit) *budget {
	b := &budget{records: limit.Records, bytes: limit.Bytes}
	if b.records <= 0 {
		b.records = defaultReadRecords
	}
	if b.bytes <= 0 {
		b.bytes = defaultReadBytes
	}
	return b
}

// take reports whether another message is within the limit. The first one always is.
func (b *budget) take(r *keptRecord) bool {
	b.records--
	b.bytes -= len(r.payload)
	ok := !b.began || b.records >= 0 && b.bytes >= 0
	b.began = true
	return ok
}
