package engineio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// scratch is what is needed to read from a socket, and not while nothing comes.
type scratch struct {
	buf    []byte
	header bytes.Reader
}

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, 16<<10)} }}

// sink gets what came over a WebSocket. Its methods return false to get no more for now.
type sink interface {
	// message gets a whole message; shared: data is only valid until message returns.
	message(binary bool, data []byte, shared bool) bool
	// control gets a control frame, whose payload is only valid until control returns.
	control(op ws.OpCode, payload []byte) bool
}

// inbound puts the messages of one WebSocket together. Headers and their rules are the library's; what is held back is
// never more than a header, and of the message's payload what has come of it.
type inbound struct {
	limit   int64 // most bytes of a message
	memory  *quota.Budget
	account quota.Account // of message
	deflate bool          // permessage-deflate was agreed on

	rest  [ws.MaxHeaderSize]byte // the beginning of a header whose end has not come
	saved int                    // bytes of rest

	frame    ws.Header // the frame whose payload is coming
	within   bool      // there is one
	got      int64     // of its payload
	commands []byte    // of its payload if it is a control frame

	message    []byte // of the message: what came in earlier frames, and in earlier reads
	op         ws.OpCode
	fragmented bool // the message is not over after this frame
	state      wsflate.MessageState
}

// space returns where to read to: buf behind what is saved of a header.
func (in *inbound) space(buf []byte) []byte {
	return buf[copy(buf, in.rest[:in.saved]):]
}

// feed takes n bytes that were read to space(sc.buf). It unmasks in place. It returns what the sink wants later.
func (in *inbound) feed(sc *scratch, n int, to sink) (rest []byte, err error) {
	p := sc.buf[:in.saved+n]
	in.saved = 0
	for {
		if !in.within {
			k, err := in.begin(&sc.header, p)
			switch {
			case err != nil:
				return nil, err
			case k == 0:
				in.saved = copy(in.rest[:], p)
				return nil, nil
			}
			p = p[k:]
		}
		k := min(int64(len(p)), in.frame.Length-in.got)
		more, err := in.payload(p[:k:k], to)
		p = p[k:]
		if err != nil || !more {
			return p, err
		}
		if in.within {
			return nil, nil // the rest of the payload is still to come
		}
	}
}

// begin reads a header. It returns how long it is, 0: it is not all there.
func (in *inbound) begin(r *bytes.Reader, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	h, size := shortHeader(p)
	var err error
	if size == 0 {
		r.Reset(p)
		h, err = ws.ReadHeader(r)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return 0, nil
		case err != nil:
			return 0, err
		}
		size = len(p) - r.Len()
	}
	if in.deflate {
		if h, err = in.state.UnsetBits(h); err != nil {
			return 0, err
		}
	}
	state := ws.StateServerSide
	if in.fragmented {
		state |= ws.StateFragmented
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return 0, err
	}
	if h.OpCode.IsData() && h.Length > in.limit-int64(len(in.message)) {
		return 0, errTooLarge
	}
	in.frame, in.within, in.got = h, true, 0
	if h.OpCode.IsData() && h.OpCode != ws.OpContinuation {
		in.op = h.OpCode
	}
	return size, nil
}

// shortHeader is ws.ReadHeader for masked frames of less than 64 KiB, without its allocations. size is 0 for all others, and
// if the header is not all there.
func shortHeader(p []byte) (h ws.Header, size int) {
	const final, masked, twoBytes, eightBytes = 0x80, 0x80, 126, 127
	if len(p) < 2+4 || p[1]&masked == 0 {
		return h, 0
	}
	size, h.Length = 2+4, int64(p[1]&^masked)
	switch {
	case h.Length == eightBytes:
		return h, 0
	case h.Length == twoBytes:
		if size += 2; len(p) < size {
			return h, 0
		}
		h.Length = int64(binary.BigEndian.Uint16(p[2:]))
	}
	h.Fin, h.Rsv, h.OpCode, h.Masked = p[0]&final != 0, p[0]&0x70>>4, ws.OpCode(p[0]&0x0f), true
	copy(h.Mask[:], p[size-4:])
	return h, size
}

// payload takes some of the frame's payload, and hands over what is complete with it.
func (in *inbound) payload(p []byte, to sink) (more bool, err error) {
	ws.Cipher(p, in.frame.Mask, int(in.got&3)) // a mask repeats after four bytes
	in.got += int64(len(p))
	in.within = in.got < in.frame.Length
	if in.frame.OpCode.IsControl() {
		return in.control(p, to), nil
	}
	if !in.within {
		in.fragmented = !in.frame.Fin
	}
	over := !in.within && in.frame.Fin
	shared := over && len(in.message) == 0
	if !shared {
		if err := in.keep(p); err != nil {
			return false, err
		}
		if !over {
			return true, nil
		}
		p, in.message = in.message, nil
		in.account.Settle(in.memory, 0)
	}
	if in.state.IsCompressed() {
		shared = false
		if p, err = inflate(p, int(in.limit)); err != nil {
			return false, err
		}
	}
	if in.op == ws.OpText && !utf8.Valid(p) {
		return false, errNoUTF8
	}
	return to.message(in.op == ws.OpBinary, p, shared), nil
}

func (in *inbound) control(p []byte, to sink) bool {
	if in.within || len(in.commands) > 0 {
		in.commands = append(in.commands, p...)
		if in.within {
			return true
		}
		p, in.commands = in.commands, nil
	}
	return to.control(in.frame.OpCode, p)
}

// keep holds some of a message back until the rest of it has come. It gets room for twice of what has come at most, and
// not for more than the frame is to bring. The error is the memory's.
func (in *inbound) keep(p []byte) error {
	have := len(in.message)
	if need := have + len(p); need > cap(in.message) {
		whole := int64(need) + in.frame.Length - in.got
		room := min(whole, 2*int64(need))
		if !in.account.Settle(in.memory, int(room)) {
			return in.memory.Error()
		}
		grown := make([]byte, have, room)
		copy(grown, in.message)
		in.message = grown
	}
	in.message = append(in.message, p...)
	return nil
}
