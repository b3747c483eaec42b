package natsdriver

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
)

// An entry is a message of the stream: messages of one channel that follow each other in an Append, at least one of
// them kept. One that is kept alone is the payload as it is. Otherwise the header has their number, and each follows
// its length: an unsigned varint, whose lowest bit says whether it is kept.
//
// The offset of the last kept message of an entry is the entry's sequence. Others have the sequence before that, which
// no other message of the channel has, and their place from 1 on. So the sequence of an entry is the Previous of the
// next one, and the server knows it: it tells it with every message that it republishes.

// The fields of headers.
const (
	fieldID       = "Nats-Msg-Id"
	fieldRecords  = "Backplane-Records" // of an entry: how many messages it has
	fieldHead     = "Backplane-Head"    // of a message that is not kept: the sequence of an entry that is in the log
	fieldSubject  = "Nats-Subject"
	fieldStream   = "Nats-Stream"
	fieldSequence = "Nats-Sequence"
	fieldLast     = "Nats-Last-Sequence"
	fieldPending  = "Nats-Num-Pending"
	fieldTime     = "Nats-Time-Stamp"
)

// maxEntryRecords is how many messages an entry may have.
const maxEntryRecords = 4096

// entry is a part of an Append.
type entry struct {
	channel string
	records []transport.Record
	kept    int
}

// nextEntry returns what the first of the records go into: an entry, or messages that are only published, if kept is 0.
func nextEntry(records []transport.Record, maxBytes int) entry {
	e := entry{channel: records[0].Channel}
	size, n := 0, 0
	for ; n < len(records) && n < maxEntryRecords && records[n].Channel == e.channel; n++ {
		if size += len(records[n].Payload) + 4; n > 0 && size > maxBytes {
			break
		}
		if records[n].Keep {
			e.kept++
		}
	}
	e.records = records[:n]
	return e
}

// encode returns the header and the payload of an entry with an id.
func (e *entry) encode(id string) (header, payload []byte) {
	if len(e.records) == 1 {
		return server.AppendHeader(nil, fieldID, id), e.records[0].Payload
	}
	size := 0
	for i := range e.records {
		size += len(e.records[i].Payload) + binary.MaxVarintLen32
	}
	payload = make([]byte, 0, size)
	for i := range e.records {
		r := &e.records[i]
		length := uint64(len(r.Payload)) << 1
		if r.Keep {
			length |= 1
		}
		payload = append(binary.AppendUvarint(payload, length), r.Payload...)
	}
	return server.AppendHeader(nil, fieldID, id, fieldRecords, strconv.Itoa(len(e.records))), payload
}

// decodeEntry returns the messages of an entry with their positions, given what its header and its payload are.
func decodeEntry(
	channel, epoch string, sequence, previous uint64, m *server.Message,
) (records []transport.Record, err error) {
	field := m.Field(fieldRecords)
	if field == "" {
		records = []transport.Record{{Message: transport.Message{Channel: channel, Payload: m.Payload}, Keep: true}}
		place(records, epoch, sequence, previous)
		return records, nil
	}
	n, err := strconv.Atoi(field)
	if err != nil || n < 1 || n > maxEntryRecords {
		return nil, fmt.Errorf("%w: %q messages", errEntry, field)
	}
	records = make([]transport.Record, n)
	rest := m.Payload
	for i := range records {
		length, size := binary.Uvarint(rest)
		if size <= 0 || length>>1 > uint64(len(rest)-size) {
			return nil, errEntry
		}
		rest = rest[size:]
		end := int(length >> 1)
		records[i].Channel, records[i].Payload = channel, rest[:end:end]
		records[i].Keep = length&1 == 1
		rest = rest[end:]
	}
	if len(rest) > 0 || place(records, epoch, sequence, previous) == 0 {
		return nil, errEntry
	}
	return records, nil
}

// place sets the positions of the kept messages of an entry, and returns how many there are.
func place(records []transport.Record, epoch string, sequence, previous uint64) int {
	kept := 0
	last := -1
	for i := range records {
		if records[i].Keep {
			kept++
			last = i
		}
	}
	before, n := transport.Offset{Major: previous}, uint64(0)
	for i := range records {
		r := &records[i]
		if !r.Keep {
			continue
		}
		n++
		r.Epoch, r.Previous = epoch, before
		if r.Offset = (transport.Offset{Major: sequence - 1, Minor: n}); i == last {
			r.Offset = transport.Offset{Major: sequence}
		}
		before = r.Offset
	}
	return kept
}

// entryAfter returns the lowest sequence of an entry that may have messages after an offset.
func entryAfter(o transport.Offset) uint64 {
	if o.Major == math.MaxUint64 {
		return o.Major
	}
	return o.Major + 1
}

var errEntry = fmt.Errorf("natsdriver: the stream of the log has a message that is not one of this driver")
