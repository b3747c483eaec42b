package engineio

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/gobwas/ws"
)

// Part is one Engine.IO message.
type Part struct {
	// Binary says whether Data is bytes or text, which must be UTF-8 then.
	Binary bool
	// Data is the message without Engine.IO's type. It must not change after it was given away.
	Data []byte
}

// Frame is what one send gives a client: a few messages that nothing else gets between, encoded once for any number of
// connections. Each form is made when the first connection needs it. A Frame is safe for concurrent use.
type Frame struct {
	parts []Part
	one   [1]Part // for parts
	size  int
	made  bool // plain was there from the start

	once     sync.Once // guards the making of plain
	plain    []byte    // WebSocket frames
	deflated atomic.Pointer[[]byte]
	polled   atomic.Pointer[[]byte]
}

// NewFrame makes a frame of parts, whose data must not change afterwards.
func NewFrame(parts ...Part) *Frame {
	f := &Frame{parts: parts}
	for _, p := range parts {
		f.size += len(p.Data)
	}
	return f
}

// Headroom is how much room NewTextFrame needs: a header for up to 2^63 bytes, and the message's type.
const Headroom = 10 + 1

// NewTextFrame makes a frame of one text message, buf[Headroom:]. It fills the room before that, so that a WebSocket's frame
// takes no copy. buf must not change afterwards.
func NewTextFrame(buf []byte) *Frame {
	f := &Frame{size: len(buf) - Headroom, made: true}
	f.one[0].Data = buf[Headroom:]
	f.parts = f.one[:]
	f.plain = buf[Headroom-headerSize(1+f.size)-1:]
	_ = append(appendHeader(f.plain[:0], ws.OpText, 1+f.size), typeMessage) // there is room
	return f
}

// Size returns the number of bytes of the parts.
func (f *Frame) Size() int { return f.size }

// packetFrame is a frame of one packet of Engine.IO that is no message, such as "2" for a ping.
func packetFrame(packet string) *Frame {
	header := headerSize(len(packet))
	plain := append(appendHeader(make([]byte, 0, header+len(packet)), ws.OpText, len(packet)), packet...)
	return fixedFrame(plain, plain[header:])
}

// fixedFrame is a frame whose forms are given: bytes for a WebSocket, a packet for polling, if there is one.
func fixedFrame(plain, packet []byte) *Frame {
	f := &Frame{size: len(plain), plain: plain, made: true}
	f.polled.Store(&packet)
	return f
}

// webSocket returns the frame as WebSocket frames.
func (f *Frame) webSocket() []byte {
	if !f.made {
		f.once.Do(f.encodePlain)
	}
	return f.plain
}

// encodePlain is encode(plainly), without its detours.
func (f *Frame) encodePlain() {
	out := make([]byte, 0, f.size+len(f.parts)*Headroom)
	for _, p := range f.parts {
		if p.Binary {
			out = appendHeader(out, ws.OpBinary, len(p.Data))
		} else {
			out = append(appendHeader(out, ws.OpText, 1+len(p.Data)), typeMessage)
		}
		out = append(out, p.Data...)
	}
	f.plain = out
}

// appendHeader is ws.WriteHeader for a server's whole message of n bytes.
func appendHeader(out []byte, op ws.OpCode, n int) []byte {
	const final = 0x80
	out = append(out, final|byte(op))
	switch {
	case n < 126:
		return append(out, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(out, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(out, 127), uint64(n))
}

// headerSize is how long appendHeader's header is.
func headerSize(n int) int {
	switch {
	case n < 126:
		return 2
	case n < 1<<16:
		return 4
	}
	return 10
}

// compressed returns the frame as WebSocket frames, those of at least least bytes compressed.
func (f *Frame) compressed(least int) []byte {
	if f.size < least || f.parts == nil {
		return f.webSocket()
	}
	if p := f.deflated.Load(); p != nil {
		return *p
	}
	p := f.encode(func(op ws.OpCode, head []byte, data []byte) (ws.Header, [][]byte) {
		if len(head)+len(data) < least {
			return plainly(op, head, data)
		}
		return deflate(op, head, data)
	})
	f.deflated.CompareAndSwap(nil, &p)
	return *f.deflated.Load()
}

var textMessage = []byte{typeMessage}

// encode makes one WebSocket frame of each part.
func (f *Frame) encode(as func(op ws.OpCode, head, data []byte) (ws.Header, [][]byte)) []byte {
	out := bytes.NewBuffer(make([]byte, 0, f.size+len(f.parts)*Headroom))
	for _, p := range f.parts {
		op, head := ws.OpText, textMessage
		if p.Binary {
			op, head = ws.OpBinary, nil
		}
		header, payload := as(op, head, p.Data)
		_ = ws.WriteHeader(out, header) // a buffer takes all
		for _, b := range payload {
			out.Write(b)
		}
	}
	return out.Bytes()
}

func plainly(op ws.OpCode, head, data []byte) (ws.Header, [][]byte) {
	return ws.Header{Fin: true, OpCode: op, Length: int64(len(head) + len(data))}, [][]byte{head, data}
}

// payload returns the frame as packets of a polling payload, "" for nothing.
func (f *Frame) payload() []byte {
	if p := f.polled.Load(); p != nil {
		return *p
	}
	var p []byte
	for i, part := range f.parts {
		if i > 0 {
			p = append(p, separator)
		}
		if part.Binary {
			p = base64.StdEncoding.AppendEncode(append(p, typeBinary), part.Data)
		} else {
			p = append(append(p, typeMessage), part.Data...)
		}
	}
	f.polled.CompareAndSwap(nil, &p)
	return *f.polled.Load()
}
