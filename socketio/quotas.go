package socketio

import (
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// Quota names a limit, in the words that are the reason of a disconnection or refusal, in logs and in Stats.
type Quota = quota.Name

// The quotas, each with the field of Config that is its limit.
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
type QuotaError = quota.Error

// limit returns the limit of a quota that this package counts, negative: there is none.
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

// over reports whether have is as much as the quota allows, so that one more is too many.
func (c *Config) over(q Quota, have int) bool {
	limit := c.limit(q)
	return limit >= 0 && have >= limit
}

// counters count how often each quota was reached.
type counters map[Quota]*atomic.Uint64

func newCounters() counters {
	c := make(counters, len(quota.All))
	for _, q := range quota.All {
		c[q] = new(atomic.Uint64)
	}
	return c
}

// reached notes that a client has reached a quota, and returns the error for whoever caused it. s is the socket that it is
// about, nil if it is about none.
func (c *client) reached(q Quota, s *Socket) *QuotaError {
	err := &QuotaError{Quota: q, Limit: c.server.config.limit(q)}
	e := AuditEvent{Kind: AuditQuota, Reason: string(q), Err: err}
	if s != nil {
		e.Namespace, e.SID = s.name, s.id
	}
	c.server.count(err)
	c.audit(e)
	return err
}

// count counts a quota that was reached.
func (s *Server) count(err *QuotaError) {
	if n := s.counters[err.Quota]; n != nil {
		n.Add(1)
	}
	s.config.Logger.Debug("socketio: quota reached", slog.String("quota", string(err.Quota)), slog.Int("limit", err.Limit))
}

// turnedAway is told of requests that were refused.
func (s *Server) turnedAway(err error) {
	var refused *engineio.RefusedError
	var over *QuotaError
	e := AuditEvent{Kind: AuditRefuse, Reason: "forbidden", Err: err}
	if errors.As(err, &refused) {
		e.Address, e.Reason = refused.Address, refused.Reason()
	}
	if errors.As(err, &over) {
		e.Reason = string(over.Quota)
		s.count(over)
	}
	s.audit(e)
	r := s.reporter()
	r.Handle(err)
}

// Stats is what a Server knows of itself at one moment.
type Stats struct {
	// Clients is the number of connected clients, as of ClientsCount.
	Clients int
	// Unjoined is how many of them have not joined a namespace yet.
	Unjoined int
	// Namespaces is the number of open namespaces, and DynamicNamespaces of those among them that clients have opened.
	Namespaces, DynamicNamespaces int
	// Addresses is the number of addresses that the clients come from, without those that have no limits.
	Addresses int
	// QueuedBytes is how many bytes all queues hold, and what has come of messages that are not complete: what MaxMemory
	// bounds. Up to 16 KiB of each queue are not counted.
	QueuedBytes int64
	// Reached is how often each quota was reached since the server was made. All quotas are in it.
	Reached map[Quota]uint64
}

// Stats returns the figures of this moment, for metrics.
func (s *Server) Stats() Stats {
	stats := Stats{Clients: s.ClientsCount(), Unjoined: s.lobby.len(), Addresses: s.engine.Addresses(),
		QueuedBytes: s.memory.Used(), Reached: make(map[Quota]uint64, len(s.counters))}
	for q, n := range s.counters {
		stats.Reached[q] = n.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stats.Namespaces, stats.DynamicNamespaces = len(s.namespaces), s.dynamic
	return stats
}
