package codec

import (
	"strconv"
	"time"
)

// Type says what an envelope is for. The numbers are those of Socket.IO's cluster adapter.
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

	// RequestRefused is this library's own: a node tells another that it does not answer its request. Socket.IO ignores it.
	RequestRefused Type = 100
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
}

// Known reports whether t is one of the types above.
func (t Type) Known() bool { return t >= InitialHeartbeat && t <= AdapterClose || t == RequestRefused }

// Response reports whether t answers a request.
func (t Type) Response() bool {
	switch t {
	case FetchSocketsResponse, ServerSideEmitResponse, BroadcastClientCount, BroadcastAck, RequestRefused:
		return true
	}
	return false
}

// String returns the name that Socket.IO gives to t.
func (t Type) String() string {
	if t.Known() {
		return typeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}

// EmitterUID is the sender of messages that come from outside the cluster. It is never a peer.
const EmitterUID = "emitter"

// Envelope is one message between nodes. Which fields mean something depends on Type.
type Envelope struct {
	Type Type
	// UID is the sender: 16 lowercase hexadecimal digits, one per process and namespace, or EmitterUID.
	UID string
	// NSP is the namespace. It is empty when the message names none (old adapters and Node.js's emitter send
	// none); the receiver then takes it from the channel.
	NSP string
	// AttachmentID, when not empty, makes this a reference: the whole message is in the store under this id.
	AttachmentID string
	// AttachmentKey, when not empty, is a random text that a reference and the message in the store share: a receiver that
	// finds another one under the id has found another message. It is written and read in both forms.
	AttachmentKey string
	// RequesterUID, on a reference to an answer, tells for whom it is, so that others need not fetch it.
	RequesterUID string
	// Process, on an InitialHeartbeat or a Heartbeat, names the process that the sender belongs to, so that one sign of life
	// of the process counts for all of its senders. Empty: the sender speaks for itself alone, as Node.js's nodes do.
	Process string
	// Clock, on the Heartbeat of a process, is when it was made: microseconds by a clock of the process's own, which never goes
	// back, at most 2^53 - 1. 0: not told.
	Clock uint64
	// Nonce, when not 0, only makes the bytes differ from those of another message that says the same: PostgreSQL merges
	// equal notifications of one transaction. It is written, but not read.
	Nonce uint64

	// CloseHash, on an InitialHeartbeat or a Heartbeat, is a hash of the CloseKey that the sender will close with. Node.js
	// sends none. It is written and read in both forms.
	CloseHash string
	// CloseKey, on an AdapterClose, proves that it is the sender who closes: until then nobody else knows the text that
	// CloseHash is the hash of. It is written and read in both forms.
	CloseKey string

	// RequestID pairs a request with its answers. Empty on a Broadcast or ServerSideEmit: no answer is wanted.
	RequestID string
	// Opts selects sockets: Broadcast, SocketsJoin, SocketsLeave, DisconnectSockets, FetchSockets.
	Opts Opts
	// Args is the event and its arguments: Broadcast, ServerSideEmit.
	Args Args
	// Rooms to join or to leave: SocketsJoin, SocketsLeave.
	Rooms []string
	// Close tells to close the underlying connection too: DisconnectSockets.
	Close bool
	// Sockets found: FetchSocketsResponse.
	Sockets []Socket
	// Value is one answer: ServerSideEmitResponse, BroadcastAck. Its Rest is written and read too.
	Value Value
	// ClientCount is how many clients were asked: BroadcastClientCount.
	ClientCount int

	// Skipped is how many parts of the message Parse has left out because they are invalid or unknown. It is not written.
	Skipped int
}

// Opts selects sockets and says how to send to them.
type Opts struct {
	// Rooms: sockets in at least one of them. None: all sockets, unless Nobody says otherwise.
	Rooms []string
	// Nobody: no sockets, although Rooms is empty. Parse sets it for a message with rooms of which none can be read. A message
	// with it cannot be written (ErrNobody).
	Nobody bool
	// Except: not the sockets that are in one of these.
	Except []string
	Flags  Flags
}

// Flags modify how a packet is sent to its sockets.
type Flags struct {
	// Volatile: the packet may be dropped for a client that is not ready to receive.
	Volatile bool
	// Compress, when not nil, overrides whether the packet is compressed.
	Compress *bool
	// Timeout is how long acknowledgements or answers are waited for. 0: the receiver's default. Whole milliseconds on the wire,
	// at most 2^31 - 1 of them (24 days), as for timers of Node.js.
	Timeout time.Duration
	// ExpectSingleResponse: the requester wants the value of the only client, not a list.
	ExpectSingleResponse bool
}

// Socket is what a node tells of one of its sockets.
type Socket struct {
	ID string
	// Handshake is an object {headers, time, address, xdomain, secure, issued, url, query, auth}.
	Handshake Value
	Rooms     []string
	// Data is the application's own.
	Data Value
}
