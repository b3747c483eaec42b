package wire

import (
	"sync"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

// Outgoing is an encoded message.
type Outgoing struct {
	Channel string
	Env     *codec.Envelope // only the fields that a reference needs are used
	Err     error           // the outcome, set by Sender.Send

	// Keep asks Sender.Log to keep the message. Its body is then stored for Config.Retention.
	Keep bool
	// Position is set by Sender.Send for a kept message that was sent, if Sender.Log knows it. It is that of the last
	// piece.
	Position transport.Position

	buf     *[]byte // the payload, or the body if toStore is set
	ends    []int   // where in buf each piece of the payload ends; nil if it is in one piece
	toStore bool
}

// Outgoing encodes env for a channel.
func (w *Wire) Outgoing(channel string, env *codec.Envelope) (Outgoing, error) {
	buf := buffers.Get().(*[]byte)
	e, err := w.encode(w.reserve((*buf)[:0]), env)
	*buf = e.p
	if err != nil {
		putBuffer(buf)
		return Outgoing{}, err
	}
	if e.toStore {
		w.seal(inStore, e.p)
	} else {
		w.seal(channel, e.p)
	}
	return Outgoing{Channel: channel, Env: env, buf: buf, ends: e.ends, toStore: e.toStore}, nil
}

// Size returns the size of the message in bytes, before its body is stored.
func (o *Outgoing) Size() int { return len(*o.buf) }

// NeedsStore reports whether the body has to go to the store.
func (o *Outgoing) NeedsStore() bool { return o.toStore }

// pieces returns the number of messages that the bus carries for o.
func (o *Outgoing) pieces() int { return max(len(o.ends), 1) }

// appendTo appends the messages that the bus carries for o.
func (o *Outgoing) appendTo(msgs []transport.Message) []transport.Message {
	if o.ends == nil {
		return append(msgs, transport.Message{Channel: o.Channel, Payload: *o.buf})
	}
	start := 0
	for _, end := range o.ends {
		msgs = append(msgs, transport.Message{Channel: o.Channel, Payload: (*o.buf)[start:end]})
		start = end
	}
	return msgs
}

// appendRecords appends the records that the log gets for o. All pieces of a message are kept, or none.
func (o *Outgoing) appendRecords(records []transport.Record) []transport.Record {
	start := 0
	for _, end := range o.ends {
		m := transport.Message{Channel: o.Channel, Payload: (*o.buf)[start:end]}
		records = append(records, transport.Record{Message: m, Keep: o.Keep})
		start = end
	}
	if o.ends == nil {
		m := transport.Message{Channel: o.Channel, Payload: *o.buf}
		records = append(records, transport.Record{Message: m, Keep: o.Keep})
	}
	return records
}

// Release allows the memory of o to be reused. A second call does nothing.
func (o *Outgoing) Release() {
	if o.buf != nil {
		putBuffer(o.buf)
		o.buf = nil
	}
}

// buffers holds memory for encoded messages. Large buffers are not reused.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

const keepBuffer = 64 << 10

func putBuffer(b *[]byte) {
	if cap(*b) <= keepBuffer {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}
