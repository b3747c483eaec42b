// Package message knows the shape of a message between nodes, whatever codec writes it: which type carries which
// fields, and the limits of their values.
package message

import "github.com/backplane-go/backplane/codec"

// Fields is a set of the parts of a message that depend on its type.
type Fields uint8

// The fields. Packet is an event's Args or one answer's Value.
const (
	Packet      Fields = 1
	Opts        Fields = 2
	RequestID   Fields = 4
	Rooms       Fields = 8
	Close       Fields = 16
	ClientCount Fields = 32
	Sockets     Fields = 64
	Rest        Fields = 128 // of the answer whose first argument is Packet; not of Node.js
)

// Has reports whether one is in f.
func (f Fields) Has(one Fields) bool { return f&one != 0 }

// First returns one of f's fields.
func (f Fields) First() Fields { return f & -f }

// Name is the key of one field in the messages of codec/jsonmsgpack.
func (f Fields) Name() string {
	switch f {
	case Packet:
		return "packet"
	case Opts:
		return "opts"
	case RequestID:
		return "requestId"
	case Rooms:
		return "rooms"
	case Close:
		return "close"
	case ClientCount:
		return "clientCount"
	case Sockets:
		return "sockets"
	case Rest:
		return "rest"
	}
	return ""
}

// Named returns the field whose name key is, 0 if there is none.
func Named(key []byte) Fields {
	switch string(key) {
	case "packet":
		return Packet
	case "opts":
		return Opts
	case "requestId":
		return RequestID
	case "rooms":
		return Rooms
	case "close":
		return Close
	case "clientCount":
		return ClientCount
	case "sockets":
		return Sockets
	case "rest":
		return Rest
	}
	return 0
}

var fieldsOf = [...]Fields{
	codec.Broadcast:              Packet | Opts | RequestID,
	codec.SocketsJoin:            Opts | Rooms,
	codec.SocketsLeave:           Opts | Rooms,
	codec.DisconnectSockets:      Opts | Close,
	codec.FetchSockets:           Opts | RequestID,
	codec.FetchSocketsResponse:   Sockets | RequestID,
	codec.ServerSideEmit:         Packet | RequestID,
	codec.ServerSideEmitResponse: Packet | RequestID | Rest,
	codec.BroadcastClientCount:   ClientCount | RequestID,
	codec.BroadcastAck:           Packet | RequestID | Rest,
	codec.AdapterClose:           0,
	codec.RequestRefused:         RequestID,
}

// FieldsOf lists the fields of a message of type t: none if it is only a sign of life, or if t is unknown.
func FieldsOf(t codec.Type) Fields {
	if !t.Known() {
		return 0
	}
	return fieldsOf[t]
}

// Required lists the fields without which a message of type t cannot be understood. RequestID is never among them: an
// answer without one is read, and answers nothing. An answer without Packet is null: it is undefined in Node.js.
func Required(t codec.Type) Fields {
	required := FieldsOf(t) &^ (RequestID | Close | Rest)
	if t.Response() {
		required &^= Packet
	}
	return required
}

// MayAsk reports whether a message of type t asks for answers only if it has a RequestID. In JavaScript even null would
// ask for them, so without one the field must be left out.
func MayAsk(t codec.Type) bool {
	return t == codec.Broadcast || t == codec.ServerSideEmit
}
