package engineio

import (
	"slices"
	"sync/atomic"

	"github.com/backplane-go/backplane/internal/histogram"
)

// traffic has the counters of a Server, besides live.
type traffic struct {
	webSockets              atomic.Int64 // open sessions over WebSocket
	bytesRead, bytesWritten atomic.Uint64
}

// Stats is a snapshot of the metrics of a Server.
type Stats struct {
	Polling, WebSocket int // open sessions over each transport
	// BytesRead and BytesWritten count what was read from and written to WebSockets, with the headers of their frames,
	// and the bodies of requests and responses of polling.
	BytesRead, BytesWritten uint64
	// Queued is the number of frames in all send queues, and MostQueued that in the longest one.
	Queued, MostQueued int
	// ReadDelay is how long connections with input wait until they are read.
	ReadDelay histogram.Snapshot
}

// Stats returns the current metrics. It visits every session.
func (s *Server) Stats() Stats {
	stats := Stats{BytesRead: s.traffic.bytesRead.Load(), BytesWritten: s.traffic.bytesWritten.Load(),
		ReadDelay: s.pollers.Delay()}
	s.mu.Lock()
	all := make([]*Conn, 0, len(s.sessions))
	for _, c := range s.sessions {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.mu.Lock()
		queued := c.queue.Frames
		c.mu.Unlock()
		stats.Queued += queued
		stats.MostQueued = max(stats.MostQueued, queued)
	}
	stats.WebSocket = int(s.traffic.webSockets.Load())
	stats.Polling = max(0, s.Len()-stats.WebSocket)
	return stats
}

// RefusalReasons returns the results of RefusedError.Reason.
func RefusalReasons() []string { return slices.Clone(messages[:]) }

// useWebSocket makes s the transport of an open session. The caller holds mu.
func (c *Conn) useWebSocket(s *socket) {
	c.socket = s
	if c.phase.Load() == isOpen {
		c.server.traffic.webSockets.Add(1)
	}
	s.useForm()
}
