package wsframe

import (
	"sync"
	"sync/atomic"

	"github.com/gobwas/ws"
)

// Part is one message of a Frame.
type Part struct {
	// Binary says that the message is binary. Otherwise Data must be valid UTF-8.
	Binary bool
	typed  bool // Data is text and begins with the packet type
	// Data is the message without Engine.IO's packet type. It must not change after it has become part of a
	// Frame.
	Data []byte
}

// textType is Engine.IO's packet type before each text message.
const textType = '4'

// Frame is a group of messages that are sent to a client with nothing between them. It is encoded only once for
// any number of connections, when the first connection needs the encoding. A Frame is safe for concurrent use.
type Frame struct {
	parts []Part
	one   [1]Part // the memory of parts if there is one part
	size  int
	ready bool // plain was set when the frame was made

	once     sync.Once // guards the encoding of plain
	plain    []byte
	deflated atomic.Pointer[[]byte]
	other    atomic.Pointer[[]byte]
	variants atomic.Pointer[variants]
}

// NewFrame returns a frame of parts, whose data must not change afterwards.
func NewFrame(parts ...Part) *Frame {
	f := &Frame{parts: parts}
	for _, p := range parts {
		f.size += len(p.Data)
	}
	return f
}

// Headroom is the room that NewTextFrame needs: for a header of up to 10 bytes, and for the packet type.
const Headroom = 10 + 1

// NewTextFrame returns a frame of one text message, buf[Headroom:]. It writes the header to the room before the
// message, so that the message is not copied. buf must not change afterwards.
func NewTextFrame(buf []byte) *Frame {
	f := &Frame{size: len(buf) - Headroom, ready: true}
	f.one[0].Data = buf[Headroom:]
	f.parts = f.one[:]
	f.plain = buf[Headroom-headerSize(1+f.size)-1:]
	_ = append(appendHeader(f.plain[:0], ws.OpText, 0, 1+f.size), textType) // within buf
	return f
}

// NewPacketFrame returns a frame of one Engine.IO packet that is not a message, such as "2" for a ping.
func NewPacketFrame(packet string) *Frame {
	header := headerSize(len(packet))
	plain := append(appendHeader(make([]byte, 0, header+len(packet)), ws.OpText, 0, len(packet)), packet...)
	return NewEncodedFrame(plain, plain[header:])
}

// NewEncodedFrame returns a frame whose encodings are given: plain for WebSocket, and packet, which may be empty,
// for Packet and Other. It is never compressed.
func NewEncodedFrame(plain, packet []byte) *Frame {
	f := &Frame{size: len(plain), plain: plain, ready: true}
	f.other.Store(&packet)
	return f
}

// Size returns the number of bytes of the parts.
func (f *Frame) Size() int { return f.size }

// Plain returns the frame as uncompressed WebSocket frames.
func (f *Frame) Plain() []byte {
	if !f.ready {
		f.once.Do(f.encodePlain)
	}
	return f.plain
}

func (f *Frame) encodePlain() {
	out := make([]byte, 0, f.size+len(f.parts)*Headroom)
	for _, p := range f.parts {
		out = appendPart(out, p)
	}
	f.plain = out
}

func appendPart(out []byte, p Part) []byte {
	op, head := p.begin()
	out = append(appendHeader(out, op, 0, len(head)+len(p.Data)), head...)
	return append(out, p.Data...)
}

// begin returns the type of the WebSocket message, and what comes before the part's data.
func (p *Part) begin() (op ws.OpCode, head []byte) {
	switch {
	case p.Binary:
		return ws.OpBinary, nil
	case p.typed:
		return ws.OpText, nil
	}
	return ws.OpText, textHead
}

// Compressed returns the frame as WebSocket frames. Messages of at least least bytes are compressed, if that
// makes them smaller.
func (f *Frame) Compressed(least int) []byte {
	if f.size < least || f.parts == nil {
		return f.Plain()
	}
	if p := f.deflated.Load(); p != nil {
		return *p
	}
	out := make([]byte, 0, f.size+len(f.parts)*Headroom)
	for _, p := range f.parts {
		out = appendCompressed(out, p, least)
	}
	f.deflated.CompareAndSwap(nil, &out)
	return *f.deflated.Load()
}

// Messages returns the messages of the frame, nil if the frame has an Engine.IO packet that is not a message.
func (f *Frame) Messages() []Part { return f.parts }

// Packet returns the Engine.IO packet of a frame that has no messages. It may be empty.
func (f *Frame) Packet() []byte { return *f.other.Load() }

// Other returns an encoding other than WebSocket's. The first call obtains it from encode. All calls for a
// frame must pass the same encode.
func (f *Frame) Other(encode func([]Part) []byte) []byte {
	if p := f.other.Load(); p != nil {
		return *p
	}
	p := encode(f.parts)
	f.other.CompareAndSwap(nil, &p)
	return *f.other.Load()
}
