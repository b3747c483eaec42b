package wire

import (
	"sync"

	"github.com/backplane-go/backplane/codec"
)

// Outgoing is an encoded message.
type Outgoing struct {
	Channel string
	Env     *codec.Envelope // only the fields that a reference needs are used
	Err     error           // the outcome, set by Sender.Send

	buf     *[]byte // the payload, or the body if toStore is set
	toStore bool
}

// Outgoing encodes env for a channel.
func (w *Wire) Outgoing(channel string, env *codec.Envelope) (Outgoing, error) {
	buf := buffers.Get().(*[]byte)
	b, toStore, err := w.Encode(w.reserve((*buf)[:0]), env)
	*buf = b
	if err != nil {
		putBuffer(buf)
		return Outgoing{}, err
	}
	if toStore {
		w.seal(inStore, b)
	} else {
		w.seal(channel, b)
	}
	return Outgoing{Channel: channel, Env: env, buf: buf, toStore: toStore}, nil
}

// Size returns the size of the message in bytes, before its body is stored.
func (o *Outgoing) Size() int { return len(*o.buf) }

// NeedsStore reports whether the body has to go to the store.
func (o *Outgoing) NeedsStore() bool { return o.toStore }

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
