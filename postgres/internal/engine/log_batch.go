package engine

import (
	"encoding/binary"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// maxHeader limits the size of the notification that gives the positions of the messages of a statement.
const maxHeader = postgres.MaxPayload

// recordRound returns the next batches of records.
func (b *batcher) recordRound(records []transport.Record, statement string) []Batch {
	b.startRound()
	taken := 0
	for taken < len(records) && len(b.batches) < maxRound && len(b.buf) < maxRoundBytes {
		n := b.recordBatch(records[taken:])
		b.appendRecords(records[taken:taken+n], statement)
		taken += n
	}
	return b.batches
}

// recordBatch returns the number of records for the next statement, and fills in b.parts. The statement ends where one
// without a log would, and before its header is too large.
func (b *batcher) recordBatch(records []transport.Record) int {
	b.parts.reset()
	clear(b.seen)
	size, header := 0, 32 // the epoch is shorter
	for i := range records {
		r := &records[i]
		size += len(r.Channel) + len(r.Payload)
		if i > 0 && (i == maxBatchItems || size > maxBatchBytes) {
			return i
		}
		grows := b.parts.cost(r)
		if header += grows; i > 0 && header > maxHeader {
			return i
		}
		if b.isDuplicate(&r.Message) {
			return i
		}
		b.parts.add(i, r)
	}
	return len(records)
}

// appendRecords adds a batch of records, whose parts are in b.parts.
func (b *batcher) appendRecords(records []transport.Record, statement string) {
	parts := b.parts.list
	if len(parts) == 0 && len(records) == 1 {
		b.append([]transport.Message{records[0].Message})
		return
	}
	start := len(b.buf)
	b.arrayHeader(len(records), oidText)
	for i := range records {
		b.buf = appendBinary(b.buf, records[i].Channel)
	}
	middle := len(b.buf)
	b.arrayHeader(len(records), oidText)
	for i := range records {
		b.buf = appendBinary(b.buf, records[i].Payload)
	}
	b.addBatch(len(records), start, middle)
	if len(parts) > 0 {
		b.batches[len(b.batches)-1].Append = b.appendArgs(records, statement)
	}
}

// appendArgs returns the part of a batch that is kept.
func (b *batcher) appendArgs(records []transport.Record, statement string) *Append {
	parts := b.parts.list
	a := &Append{Statement: statement}
	arg := func(i int, element uint32, write func(p *part)) {
		start := len(b.buf)
		b.arrayHeader(len(parts), element)
		for j := range parts {
			write(&parts[j])
		}
		a.Args[i] = b.slice(start, len(b.buf))
	}
	arg(0, oidText, func(p *part) { b.buf = appendBinary(b.buf, p.channel) })
	arg(1, oidInt4, func(p *part) {
		b.buf = binary.BigEndian.AppendUint32(append(b.buf, 0, 0, 0, 4), uint32(p.kept))
	})
	arg(2, oidText, func(p *part) { b.buf = appendBinary(b.buf, p.runs()) })
	arg(3, oidBytea, func(p *part) {
		length := len(b.buf)
		b.buf = append(b.buf, 0, 0, 0, 0)
		b.arrayHeader(p.kept, oidText)
		for i := p.first; i < len(records); i++ {
			if records[i].Keep && records[i].Channel == p.channel {
				b.buf = appendBinary(b.buf, records[i].Payload)
			}
		}
		binary.BigEndian.PutUint32(b.buf[length:], uint32(len(b.buf)-length-4))
	})
	return a
}

// appendBinary appends an element of an array in binary format.
func appendBinary[T string | []byte](dst []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}
