// Package quota counts the resources that clients use and reports when a limit is reached: a [Rate] of events,
// the memory [Budget] of all queues, and the sessions and handshakes of [Addresses].
//
// A limit of 0 or less means no limit.
//
// # Files
//
//   - quota.go: the names of the limits
//   - rate.go: a token bucket for events and bytes
//   - memory.go: the memory of all queues
//   - addresses.go: sessions and handshakes per address
package quota

import "github.com/backplane-go/backplane/fault"

// Name names a limit.
type Name = fault.Quota

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

// All lists all limits.
var All = []Name{Namespaces, DynamicNamespaces, Rooms, Acks, AuthBytes, Attachments, EventRate, ByteRate, SendQueue,
	Memory,
	Unjoined, UnjoinedAddress, Connections, ConnectionsAddress, HandshakesAddress}

// Error says which limit was reached.
type Error = fault.QuotaError
