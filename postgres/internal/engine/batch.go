package engine

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/backplane-go/backplane/transport"
)

// The statements that publish. count reduces the answer to one row. unnest keeps the order of the arrays, so
// the notifications are sent in that order. synchronous_commit stays as it is: a transaction that only notifies
// writes only its commit record to the log, and PostgreSQL does not wait for the disk in that case.
const (
	NotifyOne  = "SELECT pg_notify($1::text, $2::text)"
	NotifyMany = "SELECT count(pg_notify(c, p)) FROM unnest($1::text[], $2::text[]) AS m(c, p)"
)

// The size of a batch is limited for two reasons: until the server has committed, it holds a lock that all
// notifying transactions of the database need, and it builds the arrays in memory. Beyond a few hundred items a
// larger batch gains nothing. Batches are sent in rounds, so that a large Publish needs the memory of one round
// only.
const (
	maxBatchItems = 1024
	maxBatchBytes = 256 << 10
	maxRoundBytes = 1 << 20
	maxRound      = 256
)

// Batch is the content of one statement.
type Batch struct {
	// Items is the number of messages, at least 1.
	Items int
	// Channels and Payloads are the parameters of the statement in binary format: two values of type text for
	// NotifyOne if Items is 1, else two of type text[] for NotifyMany.
	Channels, Payloads []byte
	// Append is the rest of a statement that keeps some of the messages, or nil. Then Channels and Payloads are values
	// of type text[], whatever Items is.
	Append *Append
}

// Append is the part of a batch that is kept in the log.
type Append struct {
	// Statement has six parameters: Args, and Channels and Payloads of the batch. It returns a text.
	Statement string
	// Args are the parameters of types text[], integer[], text[] and bytea[] in binary format.
	Args [4][]byte
	// Answer is the text that the statement has returned. Notify sets it.
	Answer string
}

// batcher divides messages into batches. Each round reuses its buffers.
type batcher struct {
	seed    maphash.Seed
	seen    map[uint64]struct{}
	buf     []byte
	batches []Batch
	parts   parts // of the statement that is being built
}

func newBatcher() *batcher {
	return &batcher{seed: maphash.MakeSeed(), seen: make(map[uint64]struct{})}
}

// round returns the next batches of msgs and the number of messages in them.
func (b *batcher) round(msgs []transport.Message) ([]Batch, int) {
	b.startRound()
	taken := 0
	for taken < len(msgs) && len(b.batches) < maxRound && len(b.buf) < maxRoundBytes {
		n := b.batch(msgs[taken:])
		b.append(msgs[taken : taken+n])
		taken += n
	}
	return b.batches, taken
}

func (b *batcher) startRound() {
	b.batches = b.batches[:0]
	b.buf = b.buf[:0]
	if cap(b.buf) > 2*maxRoundBytes {
		b.buf = nil
	}
}

// batch returns the number of messages for the next statement. The statement ends before a message that equals
// an earlier one, because PostgreSQL would merge the two. Messages are compared by a hash: if two hashes
// collide, the messages are sent in two statements instead of one.
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
		if b.isDuplicate(&m) {
			return i
		}
	}
	return len(msgs)
}

// isDuplicate reports whether the statement has a message equal to m already, and remembers m if not.
func (b *batcher) isDuplicate(m *transport.Message) bool {
	hash := maphash.Bytes(b.seed, m.Payload)*31 + maphash.String(b.seed, m.Channel)
	if _, duplicate := b.seen[hash]; duplicate {
		return true
	}
	b.seen[hash] = struct{}{}
	return false
}

func (b *batcher) append(msgs []transport.Message) {
	if len(msgs) == 1 {
		m := msgs[0]
		start := len(b.buf)
		b.buf = append(b.buf, m.Channel...)
		middle := len(b.buf)
		b.buf = append(b.buf, m.Payload...)
		b.addBatch(1, start, middle)
		return
	}
	start := len(b.buf)
	b.arrayHeader(len(msgs), oidText)
	for _, m := range msgs {
		b.buf = appendBinary(b.buf, m.Channel)
	}
	middle := len(b.buf)
	b.arrayHeader(len(msgs), oidText)
	for _, m := range msgs {
		b.buf = appendBinary(b.buf, m.Payload)
	}
	b.addBatch(len(msgs), start, middle)
}

// addBatch adds the batch whose channels are in the buffer between start and middle, and whose payloads follow.
func (b *batcher) addBatch(items, start, middle int) {
	b.batches = append(b.batches, Batch{
		Items: items, Channels: b.slice(start, middle), Payloads: b.slice(middle, len(b.buf)),
	})
}

// slice never returns nil, which would be NULL. The result stays valid when the buffer grows: growing copies
// the buffer, and bytes that were written are never changed.
func (b *batcher) slice(from, to int) []byte {
	if from == to {
		return []byte{}
	}
	return b.buf[from:to:to]
}

// The types of the elements of arrays, from PostgreSQL's pg_type.dat.
const (
	oidBytea = 17
	oidInt4  = 23
	oidText  = 25
)

// arrayHeader appends the header of a one-dimensional array in the binary format of array_recv.
func (b *batcher) arrayHeader(items int, element uint32) {
	for _, word := range []uint32{1, 0, element, uint32(items), 1} { // dimensions, NULL flag, type, length, lower bound
		b.buf = binary.BigEndian.AppendUint32(b.buf, word)
	}
}
