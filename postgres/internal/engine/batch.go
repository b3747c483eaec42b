package engine

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/backplane-go/backplane/transport"
)

// The statements that publish. count keeps the answer at one row; the arrays are unnested, and so notified, in
// their order. synchronous_commit is left alone: a transaction that only notifies writes nothing to the log but
// its commit record, and PostgreSQL does not wait for the disk for that alone.
const (
	NotifyOne  = "SELECT pg_notify($1::text, $2::text)"
	NotifyMany = "SELECT count(pg_notify(c, p)) FROM unnest($1::text[], $2::text[]) AS m(c, p)"
)

// A batch is capped because the server holds a lock that all notifying transactions of the database need until
// it has committed, and builds the arrays in memory. Beyond a few hundred items a larger batch gains nothing.
// Batches go out in rounds, so that a large Publish needs memory for one round only.
const (
	maxBatchItems = 1024
	maxBatchBytes = 256 << 10
	maxRoundBytes = 1 << 20
	maxRound      = 256
)

// Batch is what one statement sends.
type Batch struct {
	// Items is how many messages there are, at least 1.
	Items int
	// Channels and Payloads are the parameters of the statement in binary form: of NotifyOne, two values of
	// type text, if Items is 1; of NotifyMany, two of type text[], otherwise.
	Channels, Payloads []byte
}

// batcher cuts messages into batches. Its buffers are used again by each round.
type batcher struct {
	seed    maphash.Seed
	seen    map[uint64]struct{}
	buf     []byte
	batches []Batch
}

func newBatcher() *batcher {
	return &batcher{seed: maphash.MakeSeed(), seen: make(map[uint64]struct{})}
}

// round returns the next batches of msgs and how many messages are in them.
func (b *batcher) round(msgs []transport.Message) ([]Batch, int) {
	b.batches = b.batches[:0]
	b.buf = b.buf[:0]
	if cap(b.buf) > 2*maxRoundBytes {
		b.buf = nil
	}
	taken := 0
	for taken < len(msgs) && len(b.batches) < maxRound && len(b.buf) < maxRoundBytes {
		n := b.batch(msgs[taken:])
		b.append(msgs[taken : taken+n])
		taken += n
	}
	return b.batches, taken
}

// batch returns how many messages go into one statement. It ends before a message equal to an earlier one,
// which PostgreSQL would merge with it. Messages are compared by a hash: two that collide are only sent in two
// statements instead of one.
func (b *batcher) batch(msgs []transport.Message) int {
	if len(msgs) == 1 {
		return 1
	}
	clear(b.seen)
	size := 0
	for i, m := range msgs {
		size += len(m.Channel) + len(m.Payload)
		if i > 0 && (i == maxBatchItems || size > maxBatchBytes) {
			return i
		}
		sum := maphash.Bytes(b.seed, m.Payload)*31 + maphash.String(b.seed, m.Channel)
		if _, dup := b.seen[sum]; dup {
			return i
		}
		b.seen[sum] = struct{}{}
	}
	return len(msgs)
}

func (b *batcher) append(msgs []transport.Message) {
	if len(msgs) == 1 {
		m := msgs[0]
		start := len(b.buf)
		b.buf = append(b.buf, m.Channel...)
		middle := len(b.buf)
		b.buf = append(b.buf, m.Payload...)
		b.batches = append(b.batches, Batch{Items: 1, Channels: b.slice(start, middle), Payloads: b.slice(middle, len(b.buf))})
		return
	}
	start := len(b.buf)
	b.arrayHeader(len(msgs))
	for _, m := range msgs {
		b.buf = binary.BigEndian.AppendUint32(b.buf, uint32(len(m.Channel)))
		b.buf = append(b.buf, m.Channel...)
	}
	middle := len(b.buf)
	b.arrayHeader(len(msgs))
	for _, m := range msgs {
		b.buf = binary.BigEndian.AppendUint32(b.buf, uint32(len(m.Payload)))
		b.buf = append(b.buf, m.Payload...)
	}
	b.batches = append(b.batches, Batch{Items: len(msgs), Channels: b.slice(start, middle), Payloads: b.slice(middle, len(b.buf))})
}

// slice is never nil, which would be NULL. It stays valid when the buffer grows: that copies, and what was
// written before does not change.
func (b *batcher) slice(from, to int) []byte {
	if from == to {
		return []byte{}
	}
	return b.buf[from:to:to]
}

// arrayHeader begins a one-dimensional text[] in the binary format of array_recv.
func (b *batcher) arrayHeader(items int) {
	const oidText = 25
	for _, word := range []uint32{1, 0, oidText, uint32(items), 1} { // dimensions, has NULLs, type, length, lower bound
		b.buf = binary.BigEndian.AppendUint32(b.buf, word)
	}
}
