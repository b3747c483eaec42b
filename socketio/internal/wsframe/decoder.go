package wsframe

import (
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// The errors for which RFC 6455, 7.4.1, defines a close code.
var (
	ErrTooLarge = errors.New("wsframe: message is larger than the limit")
	ErrNotUTF8  = errors.New("wsframe: text is not valid UTF-8")
)

// Event is a message or a control frame that a Decoder has decoded.
type Event struct {
	// Op is ws.OpText or ws.OpBinary for a whole message, and ws.OpPing, ws.OpPong or ws.OpClose for a control
	// frame. It is 0 if there is no event.
	Op ws.OpCode
	// Data is the message, or the payload of the control frame.
	Data []byte
	// Shared says that Data is part of the input buffer, and is valid only as long as that is unchanged.
	Shared bool
}

// Decoder assembles the messages of one WebSocket. It parses headers as package ws does. It buffers at most an
// incomplete header and an incomplete message.
type Decoder struct {
	Limit   int64         // maximum size of a message in bytes
	Memory  *quota.Budget // limits the unfinished messages of all connections
	Deflate bool          // permessage-deflate was negotiated

	account quota.Account // counts message

	rest  [ws.MaxHeaderSize]byte // a header that is incomplete
	saved int                    // bytes of rest

	frame    ws.Header // the frame whose payload comes next
	inFrame  bool      // frame is valid
	got      int64     // bytes of its payload so far
	commands []byte    // its payload so far, if it is a control frame

	message    []byte // the part of the message that has arrived in earlier frames or input
	op         ws.OpCode
	fragmented bool // the message continues after this frame
	state      wsflate.MessageState
}

// Join returns buf[at:], preceded by the incomplete header that the decoder has kept, if any. at must be at
// least ws.MaxHeaderSize. Join may overwrite buf[:at].
func (d *Decoder) Join(buf []byte, at int) []byte {
	at -= d.saved
	copy(buf[at:], d.rest[:d.saved])
	d.saved = 0
	return buf[at:]
}

// Next returns the next event in p, which is the result of Join or the rest of it, and the rest of p after the
// event. The event's Op is 0 if p has no further event. Next unmasks p in place. After an error the decoder
// cannot be used.
func (d *Decoder) Next(p []byte) (e Event, rest []byte, err error) {
	for {
		if !d.inFrame {
			n, err := d.beginFrame(p)
			switch {
			case err != nil:
				return Event{}, nil, err
			case n == 0:
				d.saved = copy(d.rest[:], p)
				return Event{}, nil, nil
			}
			p = p[n:]
		}
		n := min(int64(len(p)), d.frame.Length-d.got)
		e, err = d.addPayload(p[:n:n])
		p = p[n:]
		if err != nil || e.Op != 0 || d.inFrame {
			return e, p, err
		}
	}
}

// Reset returns the decoder's memory to the budget.
func (d *Decoder) Reset() { d.account.Settle(d.Memory, 0) }

// beginFrame parses a header. It returns the header's size, or 0 if p has only a part of the header.
func (d *Decoder) beginFrame(p []byte) (int, error) {
	h, size, err := parseHeader(p)
	if err != nil || size == 0 {
		return 0, err
	}
	if d.Deflate {
		if h, err = d.state.UnsetBits(h); err != nil {
			return 0, err
		}
	}
	state := ws.StateServerSide
	if d.fragmented {
		state |= ws.StateFragmented
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return 0, err
	}
	if h.OpCode.IsData() {
		if h.Length > d.Limit-int64(len(d.message)) {
			return 0, ErrTooLarge
		}
		if h.OpCode != ws.OpContinuation {
			d.op = h.OpCode
		}
	}
	d.frame, d.inFrame, d.got = h, true, 0
	return size, nil
}

// addPayload adds p to the frame's payload. It returns the event that p completes, if any.
func (d *Decoder) addPayload(p []byte) (Event, error) {
	ws.Cipher(p, d.frame.Mask, int(d.got&3)) // a mask repeats after four bytes
	d.got += int64(len(p))
	d.inFrame = d.got < d.frame.Length
	if d.frame.OpCode.IsControl() {
		return d.addCommand(p), nil
	}
	if !d.inFrame {
		d.fragmented = !d.frame.Fin
	}
	complete := !d.inFrame && d.frame.Fin
	shared := complete && len(d.message) == 0
	if !shared {
		if err := d.keep(p); err != nil || !complete {
			return Event{}, err
		}
		p, d.message = d.message, nil
		d.account.Settle(d.Memory, 0)
	}
	if d.state.IsCompressed() {
		shared = false
		var err error
		if p, err = inflate(p, int(d.Limit)); err != nil {
			return Event{}, err
		}
	}
	if d.op == ws.OpText && !utf8.Valid(p) {
		return Event{}, ErrNotUTF8
	}
	return Event{Op: d.op, Data: p, Shared: shared}, nil
}

// addCommand is addPayload for a control frame.
func (d *Decoder) addCommand(p []byte) Event {
	shared := true
	if d.inFrame || len(d.commands) > 0 {
		d.commands = append(d.commands, p...)
		if d.inFrame {
			return Event{}
		}
		p, d.commands, shared = d.commands, nil, false
	}
	return Event{Op: d.frame.OpCode, Data: p, Shared: shared}
}

// keep appends p to the unfinished message. It allocates at most twice the size of the message so far, and no
// more than the frame needs. It returns the budget's error if the budget is used up.
func (d *Decoder) keep(p []byte) error {
	have := len(d.message)
	if need := have + len(p); need > cap(d.message) {
		whole := int64(need) + d.frame.Length - d.got
		room := min(whole, 2*int64(need))
		if !d.account.Settle(d.Memory, int(room)) {
			return d.Memory.Error()
		}
		grown := make([]byte, have, room)
		copy(grown, d.message)
		d.message = grown
	}
	d.message = append(d.message, p...)
	return nil
}
