package jsonmsgpack

import "github.com/backplane-go/backplane/codec"

// fields is a set of the keys in a message's data.
type fields uint8

const (
	fieldPacket      fields = 1
	fieldOpts        fields = 2
	fieldRequestID   fields = 4
	fieldRooms       fields = 8
	fieldClose       fields = 16
	fieldClientCount fields = 32
	fieldSockets     fields = 64
)

func (f fields) in(one fields) bool { return f&one != 0 }

// fieldsOf lists the keys in the data of each type; a type without any has no data.
var fieldsOf = [...]fields{
	codec.Broadcast:              fieldPacket | fieldOpts | fieldRequestID,
	codec.SocketsJoin:            fieldOpts | fieldRooms,
	codec.SocketsLeave:           fieldOpts | fieldRooms,
	codec.DisconnectSockets:      fieldOpts | fieldClose,
	codec.FetchSockets:           fieldOpts | fieldRequestID,
	codec.FetchSocketsResponse:   fieldSockets | fieldRequestID,
	codec.ServerSideEmit:         fieldPacket | fieldRequestID,
	codec.ServerSideEmitResponse: fieldPacket | fieldRequestID,
	codec.BroadcastClientCount:   fieldClientCount | fieldRequestID,
	codec.BroadcastAck:           fieldPacket | fieldRequestID,
	codec.AdapterClose:           0,
}

// optional are the keys that may be missing whatever the type. requestId is among them: an answer without one is read,
// and answers nothing.
const optional = fieldRequestID | fieldClose

// requiredIn lists the keys without which a message of type t cannot be understood.
func requiredIn(t codec.Type) fields {
	required := fieldsOf[t] &^ optional
	if t == codec.ServerSideEmitResponse || t == codec.BroadcastAck {
		required &^= fieldPacket // undefined in Node.js, which leaves it out of JSON
	}
	return required
}

// name returns the key of one field.
func (f fields) name() string {
	switch f {
	case fieldPacket:
		return "packet"
	case fieldOpts:
		return "opts"
	case fieldRequestID:
		return "requestId"
	case fieldRooms:
		return "rooms"
	case fieldClose:
		return "close"
	case fieldClientCount:
		return "clientCount"
	case fieldSockets:
		return "sockets"
	}
	return ""
}

// field returns the field that key names, 0 if it names none.
func field(key []byte) fields {
	switch string(key) {
	case "packet":
		return fieldPacket
	case "opts":
		return fieldOpts
	case "requestId":
		return fieldRequestID
	case "rooms":
		return fieldRooms
	case "close":
		return fieldClose
	case "clientCount":
		return fieldClientCount
	case "sockets":
		return fieldSockets
	}
	return 0
}
