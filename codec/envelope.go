package codec

import (
	"strconv"
	"time"
)

// Type is the type of an envelope. The numbers are those of Socket.IO's cluster adapter.
type Type int

// The message types. See docs/reference/protocol.md.
const (
	InitialHeartbeat       Type = 1
	Heartbeat              Type = 2
	Broadcast              Type = 3
	SocketsJoin            Type = 4
	SocketsLeave           Type = 5
	DisconnectSockets      Type = 6
	FetchSockets           Type = 7
	FetchSocketsResponse   Type = 8
	ServerSideEmit         Type = 9
	ServerSideEmitResponse Type = 10
	BroadcastClientCount   Type = 11
	BroadcastAck           Type = 12
	AdapterClose           Type = 13

	// RequestRefused is specific to this library: the sender will not answer a request. Socket.IO ignores it.
	RequestRefused Type = 100
)

// The messages of older adapters. The standard dialect has none of them.
const (
	// ListSockets asks for the ids of the sockets that Opts selects.
	ListSockets Type = 101
	// ListSocketsResponse has the ids in Rooms.
	ListSocketsResponse Type = 102
	// ListRooms asks for the names of all rooms.
	ListRooms Type = 103
	// ListRoomsResponse has the names in Rooms.
	ListRoomsResponse Type = 104
	// SocketRooms asks for the rooms of the socket whose id is the only one of Opts.Rooms. Only the node that has the
	// socket answers.
	SocketRooms Type = 105
	// SocketRoomsResponse has the names in Rooms. Some dialects do not tell it from a ListRoomsResponse, and read that.
	SocketRoomsResponse Type = 106
	// CustomRequest asks the servers something. Value is the question.
	CustomRequest Type = 107
	// CustomRequestResponse has the answer in Value.
	CustomRequestResponse Type = 108
	// SocketChanged answers a SocketsJoin, SocketsLeave or DisconnectSockets that has a RequestID. Only the node that
	// has the socket, whose id is the only one of Opts.Rooms, sends it, when it has made the change.
	SocketChanged Type = 109
)

var typeNames = [...]string{
	InitialHeartbeat:       "INITIAL_HEARTBEAT",
	Heartbeat:              "HEARTBEAT",
	Broadcast:              "BROADCAST",
	SocketsJoin:            "SOCKETS_JOIN",
	SocketsLeave:           "SOCKETS_LEAVE",
	DisconnectSockets:      "DISCONNECT_SOCKETS",
	FetchSockets:           "FETCH_SOCKETS",
	FetchSocketsResponse:   "FETCH_SOCKETS_RESPONSE",
	ServerSideEmit:         "SERVER_SIDE_EMIT",
	ServerSideEmitResponse: "SERVER_SIDE_EMIT_RESPONSE",
	BroadcastClientCount:   "BROADCAST_CLIENT_COUNT",
	BroadcastAck:           "BROADCAST_ACK",
	AdapterClose:           "ADAPTER_CLOSE",
	RequestRefused:         "REQUEST_REFUSED",
	ListSockets:            "LIST_SOCKETS",
	ListSocketsResponse:    "LIST_SOCKETS_RESPONSE",
	ListRooms:              "LIST_ROOMS",
	ListRoomsResponse:      "LIST_ROOMS_RESPONSE",
	SocketRooms:            "SOCKET_ROOMS",
	SocketRoomsResponse:    "SOCKET_ROOMS_RESPONSE",
	CustomRequest:          "CUSTOM_REQUEST",
	CustomRequestResponse:  "CUSTOM_REQUEST_RESPONSE",
	SocketChanged:          "SOCKET_CHANGED",
}

// Known reports whether t is a type of the standard dialect.
func (t Type) Known() bool { return t >= InitialHeartbeat && t <= AdapterClose || t == RequestRefused }

// Response reports whether t answers a request.
func (t Type) Response() bool {
	switch t {
	case FetchSocketsResponse, ServerSideEmitResponse, BroadcastClientCount, BroadcastAck, RequestRefused,
		ListSocketsResponse, ListRoomsResponse, SocketRoomsResponse, CustomRequestResponse, SocketChanged:
		return true
	}
	return false
}

// Request reports whether a message of type t always wants an answer. Some others do if they have a RequestID.
func (t Type) Request() bool {
	switch t {
	case FetchSockets, ListSockets, ListRooms, SocketRooms, CustomRequest:
		return true
	}
	return false
}

// String returns the name of t. For the types of Socket.IO it is Socket.IO's name.
func (t Type) String() string {
	if t > 0 && int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}

// EmitterUID is the sender of messages from outside the cluster. It is never a peer.
const EmitterUID = "emitter"

// Envelope is one message between nodes. Its Type determines which fields are used.
type Envelope struct {
	Type Type
	// UID identifies the sender: 16 lowercase hexadecimal digits, unique per process and namespace, or EmitterUID.
	UID string
	// NSP is the namespace. It is empty when the message names none, as in messages of old adapters and of
	// Node.js's emitter. The receiver then takes the namespace from the channel.
	NSP string
	// AttachmentID, when not empty, makes this a reference: the store holds the whole message under this id.
	AttachmentID string
	// AttachmentKey, when not empty, is a random text that a reference and the message in the store share. If they
	// differ, the store holds another message under the id. Both forms carry it.
	AttachmentKey string
	// RequesterUID, on a reference to an answer, names the node that sent the request, so that other nodes need
	// not fetch the answer.
	RequesterUID string
	// Process, on an InitialHeartbeat or a Heartbeat, identifies the process of the sender. One heartbeat of a
	// process counts for all senders in it. If it is empty, the heartbeat counts only for the sender, as those of
	// Node.js's nodes do.
	Process string
	// Clock, on the Heartbeat of a process, is the time of sending in microseconds, at most 2^53 - 1. The clock
	// belongs to the process and never goes back. 0 means unknown.
	Clock uint64
	// Nonce, when not 0, makes the bytes of equal messages differ, because PostgreSQL merges equal notifications of
	// one transaction. It is written but not read.
	Nonce uint64

	// CloseHash, on an InitialHeartbeat or a Heartbeat, is a hash of the CloseKey that the sender will use when it
	// closes. Node.js sends none. Both forms carry it.
	CloseHash string
	// CloseKey, on an AdapterClose, proves that the message comes from the node that closes: only that node knows
	// the text that matches its CloseHash. Both forms carry it.
	CloseKey string

	// Node, on an answer, is the name of the sender in a census of nodes, if its dialect has one and the sender is
	// counted. Only dialects carry it.
	Node string
	// RequestID matches answers with their request. If it is empty on a Broadcast, a ServerSideEmit, a SocketsJoin, a
	// SocketsLeave or a DisconnectSockets, no answer is expected.
	RequestID string
	// Opts selects sockets. Used by Broadcast, SocketsJoin, SocketsLeave, DisconnectSockets and FetchSockets.
	Opts Opts
	// Args is the event and its arguments. Used by Broadcast and ServerSideEmit.
	Args Args
	// Rooms are the rooms to join or to leave, or that were found. Used by SocketsJoin, SocketsLeave,
	// ListRoomsResponse, SocketRoomsResponse and, for the ids of sockets, ListSocketsResponse: a socket is in the room
	// named after its id.
	Rooms []string
	// Close asks to close the underlying connection too. Used by DisconnectSockets.
	Close bool
	// Sockets are the sockets that were found. Used by FetchSocketsResponse.
	Sockets []Socket
	// Value is one answer. Its Rest is written and read too. Used by ServerSideEmitResponse and BroadcastAck, and, as
	// the question and its answer, by CustomRequest and CustomRequestResponse.
	Value Value
	// ClientCount is how many clients received the event. Used by BroadcastClientCount.
	ClientCount int

	// Skipped is how many parts of the message Parse left out because they were invalid or unknown. It is not
	// written.
	Skipped int
}

// Opts selects sockets and says how to send to them.
type Opts struct {
	// Rooms selects the sockets that are in at least one of these rooms. If it is empty, all sockets are selected,
	// unless Nobody is set.
	Rooms []string
	// Nobody selects no sockets although Rooms is empty. Parse sets it if a message has rooms but none can be read.
	// Append returns ErrNobody for it.
	Nobody bool
	// Except excludes the sockets that are in at least one of these rooms.
	Except []string
	Flags  Flags
}

// Flags modify how a packet is sent to its sockets.
type Flags struct {
	// Volatile allows dropping the packet for a client that is not ready to receive.
	Volatile bool
	// Compress, when not nil, overrides whether the packet is compressed.
	Compress *bool
	// Timeout is how long to wait for acknowledgements or answers. 0 means the receiver's default. The wire carries
	// whole milliseconds, at most 2^31 - 1 (24 days), the limit of timers in Node.js.
	Timeout time.Duration
	// ExpectSingleResponse requests the answer of the only client itself instead of a list of answers.
	ExpectSingleResponse bool
	// Relayed reports that a bridge has brought the packet from another cluster. Bridges do not pass it on.
	Relayed bool
}

// Socket describes a socket of a node.
type Socket struct {
	ID string
	// Handshake is an object {headers, time, address, xdomain, secure, issued, url, query, auth}.
	Handshake Value
	Rooms     []string
	// Data is the application's data of the socket.
	Data Value
}
