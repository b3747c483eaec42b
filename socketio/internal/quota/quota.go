// Package quota counts what clients take of a server, and says when it is too much: a [Rate] of events, the [Memory] of all
// queues, the sessions and handshakes of [Addresses].
//
// In all of it a limit of 0 or less is none.
package quota

import "fmt"

// Name names a limit. It is the reason that clients, logs and metrics get.
type Name string

// The limits.
const (
	Namespaces         Name = "too many namespaces"
	DynamicNamespaces  Name = "too many dynamic namespaces"
	Rooms              Name = "too many rooms"
	Acks               Name = "too many acknowledgements awaited"
	AuthBytes          Name = "auth payload too large"
	Attachments        Name = "too many attachments"
	EventRate          Name = "too many events per second"
	ByteRate           Name = "too many bytes per second"
	SendQueue          Name = "send queue full"
	Memory             Name = "memory of the queues used up"
	Unjoined           Name = "too many clients without a namespace"
	UnjoinedAddress    Name = "too many clients without a namespace from this address"
	Connections        Name = "too many connections"
	ConnectionsAddress Name = "too many connections from this address"
	HandshakesAddress  Name = "too many handshakes per second from this address"
)

// All are all limits.
var All = []Name{Namespaces, DynamicNamespaces, Rooms, Acks, AuthBytes, Attachments, EventRate, ByteRate, SendQueue, Memory,
	Unjoined, UnjoinedAddress, Connections, ConnectionsAddress, HandshakesAddress}

// Error says which limit was reached.
type Error struct {
	// Quota is the limit's name.
	Quota Name
	// Limit is the limit.
	Limit int
}

func (e *Error) Error() string { return fmt.Sprintf("socketio: %s (limit %d)", e.Quota, e.Limit) }
