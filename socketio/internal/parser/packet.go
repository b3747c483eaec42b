// Package parser converts between the packets of Socket.IO protocol 5 and Engine.IO messages.
//
// The parser does not rewrite user data. It validates the JSON of a client once and keeps its bytes, and it
// copies the JSON that it sends. It walks only data that contains binary data, which the protocol carries in
// separate messages.
//
// The decoder accepts nothing that Node.js's decoder refuses, and gives the same meaning to what both accept. It
// refuses more:
//
//   - an event, an acknowledgement or an error without a payload, and an acknowledgement without an id: the
//     protocol requires them
//   - a packet that refers to its attachments more often than a packet may have attachments
//   - data that is nested deeper than codec.NewValue allows
//   - an event whose name is a number that is not finite
//   - ids of 2^53 and more
//   - white space, 0x1 and the like in place of digits, which JavaScript accepts as numbers
//
// # Files
//
//   - packet.go: the types of packets, and the errors
//   - header.go: what precedes a packet's payload
//   - decoder.go: messages to packets
//   - reconstruct.go: attachments into a decoded packet
//   - encode.go: packets to messages
//   - deconstruct.go: attachments out of a packet to be encoded
package parser

import (
	"errors"
	"fmt"
	"sync"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/excerpt"
)

// Type is the type of a packet. Its value is the character on the wire.
type Type byte

// The types of packets. The decoder never returns a BinaryEvent or a BinaryAck, but an Event or an Ack that
// contains bytes. Encode chooses the type itself.
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

// UnknownID is the ID of a decoded Ack whose number is too large to be an id that was sent. As in Node.js, such a
// packet is ignored.
const UnknownID = maxID + 1

// Packet is a Socket.IO packet.
type Packet struct {
	Type Type
	// Namespace is "/" if the packet names none.
	Namespace string
	// ID is the acknowledgement id. An Event with an ID requests an acknowledgement, and the Ack has the same
	// ID. It is NoID if there is none.
	ID int64
	// Data is an array in an Event, with the event's name as its first element, and in an Ack. It is an object or
	// null in a Connect, an object or a string in a ConnectError, and null in a Disconnect. It is the JSON that
	// was received, or a tree if it contains bytes.
	Data codec.Value

	args codec.Args // of a decoded Event: its Data
}

var packets = sync.Pool{New: func() any { return new(Packet) }}

// Release returns a decoded packet to a pool. The packet must not be used afterwards, but values from it remain
// valid.
func (p *Packet) Release() {
	*p = Packet{}
	packets.Put(p)
}

// Args returns an Event's name and arguments. For a decoded packet this costs nothing.
func (p *Packet) Args() (codec.Args, error) {
	if !p.args.Value().IsNull() {
		return p.args, nil
	}
	return codec.ArgsOf(p.Data)
}

// ErrMalformed is wrapped by every error about what a client sent.
var ErrMalformed = errors.New("socketio: malformed packet")

// ErrLimit is wrapped by the error about a packet whose attachments exceed a limit of the Decoder.
var ErrLimit = errors.New("limit exceeded")

// Error says what is wrong with a packet. It wraps ErrMalformed.
type Error struct {
	Reason string
	Err    error // nil: no further cause
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
