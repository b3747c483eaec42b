// Package parser turns Socket.IO packets of protocol 5 into Engine.IO messages and back.
//
// User data stays as it is: the JSON that a client sends is checked once and then kept in the bytes it came in, and JSON
// that is sent is copied. Only what holds bytes is walked, since the protocol carries those in messages of their own.
//
// The decoder accepts nothing that Node.js's decoder refuses, and understands alike what both accept. It refuses more: an
// event, an acknowledgement or an error without its payload and an acknowledgement without its id, which the protocol
// wants; attachments with more places than a packet may have attachments; data that nests deeper than codec.NewValue lets it; events named by a
// number that is not finite; ids from 2^53 on; and what JavaScript takes for a number where digits belong, such as white
// space and 0x1.
package parser

import (
	"errors"
	"fmt"
	"sync"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/excerpt"
)

// Type says what a packet is for. Its value is the character that stands for it on the wire.
type Type byte

// The types of packets. A decoded packet is never a BinaryEvent or BinaryAck but an Event or Ack with bytes inside, and
// Encode needs no telling that there are bytes.
const (
	Connect      Type = '0'
	Disconnect   Type = '1'
	Event        Type = '2'
	Ack          Type = '3'
	ConnectError Type = '4'
	BinaryEvent  Type = '5'
	BinaryAck    Type = '6'
)

func (t Type) String() string {
	switch t {
	case Connect:
		return "connect"
	case Disconnect:
		return "disconnect"
	case Event:
		return "event"
	case Ack:
		return "ack"
	case ConnectError:
		return "connect error"
	case BinaryEvent:
		return "binary event"
	case BinaryAck:
		return "binary ack"
	}
	return fmt.Sprintf("packet type %q", byte(t))
}

// NoID is the ID of a packet that has none.
const NoID = -1

// Unasked is the ID of a decoded Ack whose number is larger than any that was ever asked for. As in Node.js, it means nothing.
const Unasked = maxID + 1

// Packet is what one side tells the other in a namespace.
type Packet struct {
	Type Type
	// Namespace is "/" where the packet named none.
	Namespace string
	// ID is the number of an acknowledgement: wanted, in an Event, or given, in an Ack. It is NoID where there is none.
	ID int64
	// Data is an array in an Event, whose first element names it, and in an Ack. In a Connect it is an object or null,
	// in a ConnectError an object or a string, in a Disconnect null. It is JSON as it came, or a tree if it holds bytes.
	Data codec.Value

	args codec.Args // Data of a decoded Event
}

var packets = sync.Pool{New: func() any { return new(Packet) }}

// Release gives up a decoded packet, which may then become another one. What it held stays as it is.
func (p *Packet) Release() {
	*p = Packet{}
	packets.Put(p)
}

// Args returns an Event's name and arguments. For a decoded packet it costs nothing.
func (p *Packet) Args() (codec.Args, error) {
	if !p.args.Value().IsNull() {
		return p.args, nil
	}
	return codec.ArgsOf(p.Data)
}

// ErrMalformed is wrapped by every error about what a client sent.
var ErrMalformed = errors.New("socketio: malformed packet")

// ErrLimit is wrapped by the error about a packet that has more attachments, or bytes of them, than the Decoder takes.
var ErrLimit = errors.New("the limit is exceeded")

// Error says what is wrong with a packet. It wraps ErrMalformed.
type Error struct {
	Reason string
	Err    error // the cause, if there is one
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v: %s: %v", ErrMalformed, e.Reason, excerpt.Error(e.Err))
	}
	return fmt.Sprintf("%v: %s", ErrMalformed, e.Reason)
}

// Unwrap returns ErrMalformed and the cause.
func (e *Error) Unwrap() []error {
	if e.Err != nil {
		return []error{ErrMalformed, e.Err}
	}
	return []error{ErrMalformed}
}

func malformed(reason string) error { return &Error{Reason: reason} }

// Reserved reports whether an event of this name means something of its own in one of Socket.IO's implementations, so
// that nobody may emit it.
func Reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}
