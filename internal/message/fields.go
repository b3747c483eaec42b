// Package message describes the messages between nodes for all codecs: which fields each type has, and the limits of
// their values.
package message

import "github.com/backplane-go/backplane/codec"

// Fields is a set of the fields that depend on the type of the message.
type Fields uint8

// The fields. Packet is the Args of an event or the Value of an answer.
const (
	Packet      Fields = 1
	Opts        Fields = 2
	RequestID   Fields = 4
	Rooms       Fields = 8
	Close       Fields = 16
	ClientCount Fields = 32
	Sockets     Fields = 64
	Rest        Fields = 128 // of an answer: the arguments after the first; Node.js does not send it
)

// Has reports whether f contains field.
func (f Fields) Has(field Fields) bool { return f&field != 0 }

// First returns one of the fields in f.
func (f Fields) First() Fields { return f & -f }

// Name returns the key of a single field in the messages of codec/jsonmsgpack.
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

// Named returns the field with this key, or 0 if there is none.
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

// FieldsOf returns the fields of a message of type t. It returns none for a heartbeat without data and for an
// unknown type.
func FieldsOf(t codec.Type) Fields {
	if !t.Known() {
		return 0
	}
	return fieldsOf[t]
}

// Required returns the fields without which a message of type t is malformed. RequestID is never required: an answer
// without one is parsed but matches no request. An answer without Packet is null; in Node.js it is undefined.
func Required(t codec.Type) Fields {
	required := FieldsOf(t) &^ (RequestID | Close | Rest)
	if t.Response() {
		required &^= Packet
	}
	return required
}

// MayAsk reports whether a message of type t requests answers if, and only if, it has a RequestID. An empty
// RequestID must then be left out, because Node.js takes even null as a request.
func MayAsk(t codec.Type) bool {
	return t == codec.Broadcast || t == codec.ServerSideEmit
}
