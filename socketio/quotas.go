package socketio

import (
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// Quota identifies a limit. Its text is the reason that a client receives when it is disconnected or refused. It
// appears in logs and in Stats, too.
type Quota = fault.Quota

// The quotas. The comment of each names the fields of Config that set its limit.
const (
	QuotaNamespaces            = quota.Namespaces         // MaxNamespaces
	QuotaDynamicNamespaces     = quota.DynamicNamespaces  // MaxDynamicNamespaces
	QuotaRooms                 = quota.Rooms              // MaxRooms and MaxRoomBytes
	QuotaAcks                  = quota.Acks               // MaxAcks
	QuotaAuthBytes             = quota.AuthBytes          // MaxAuthBytes
	QuotaAttachments           = quota.Attachments        // MaxAttachments and MaxAttachmentBytes
	QuotaEventRate             = quota.EventRate          // MaxEventsPerSecond
	QuotaByteRate              = quota.ByteRate           // MaxBytesPerSecond
	QuotaSendQueue             = quota.SendQueue          // SendQueue and SendQueueBytes
	QuotaMemory                = quota.Memory             // MaxMemory
	QuotaUnjoined              = quota.Unjoined           // MaxUnjoined and MaxUnjoinedBytes
	QuotaUnjoinedPerAddress    = quota.UnjoinedAddress    // MaxUnjoinedPerAddress
	QuotaConnections           = quota.Connections        // MaxConnections
	QuotaConnectionsPerAddress = quota.ConnectionsAddress // MaxConnectionsPerAddress
	QuotaHandshakesPerAddress  = quota.HandshakesAddress  // MaxHandshakesPerSecond
)

// QuotaError says which limit was reached.
type QuotaError = fault.QuotaError

// limit returns the limit of a quota that this package counts. A negative limit means no limit.
func (c *Config) limit(q Quota) int {
	switch q {
	case QuotaNamespaces:
		return c.MaxNamespaces
	case QuotaDynamicNamespaces:
		return c.MaxDynamicNamespaces
	case QuotaRooms:
		return c.MaxRooms
	case QuotaAcks:
		return c.MaxAcks
	case QuotaAuthBytes:
		return c.MaxAuthBytes
	case QuotaUnjoined:
		return c.MaxUnjoined
	}
	return -1
}

// over reports whether a count of have has reached the limit of the quota.
func (c *Config) over(q Quota, have int) bool {
	limit := c.limit(q)
	return limit >= 0 && have >= limit
}

// roomsFit reports whether a socket may be in rooms and in more at the same time.
func (c *Config) roomsFit(rooms, more []string) bool {
	bytes := 0
	for _, list := range [][]string{rooms, more} {
		for _, name := range list {
			bytes += len(name)
		}
	}
	return (c.MaxRooms < 0 || len(rooms)+len(more) <= c.MaxRooms) && (c.MaxRoomBytes < 0 || bytes <= c.MaxRoomBytes)
}
