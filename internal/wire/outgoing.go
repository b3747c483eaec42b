package wire

import (
	"sync"

	"github.com/backplane-go/backplane/codec"
)

// Outgoing is one encoded message on its way to the bus.
type Outgoing struct {
	Channel string
	Env     *codec.Envelope // only what a reference to it says matters any more
	Err     error           // what became of it, set by Sender.Send

	buf   *[]byte // holds the payload, or the body when spill is set
	spill bool
}

// Outgoing encodes env for a channel.
func (w *Wire) Outgoing(channel string, env *codec.Envelope) (Outgoing, error) {
	buf := buffers.Get().(*[]byte)
	b, spill, err := w.Encode(w.reserve((*buf)[:0]), env)
	*buf = b
	if err != nil {
		putBuffer(buf)
		return Outgoing{}, err
	}
	if spill {
		w.seal(inStore, b)
	} else {
		w.seal(channel, b)
	}
	return Outgoing{Channel: channel, Env: env, buf: buf, spill: spill}, nil
}

// Size is how many bytes the message has, before its body is in the store.
func (o *Outgoing) Size() int { return len(*o.buf) }

// Spills tells whether its body goes to the store.
func (o *Outgoing) Spills() bool { return o.spill }

// Release ends the use of o: its memory is used again. Releasing again does nothing.
func (o *Outgoing) Release() {
	if o.buf != nil {
		putBuffer(o.buf)
		o.buf = nil
	}
}

// buffers are reused for encoded messages, unless they grew large.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

const keepBuffer = 64 << 10

func putBuffer(b *[]byte) {
	if cap(*b) <= keepBuffer {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}
