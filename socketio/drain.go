package socketio

import (
	"context"
	"log/slog"

	"github.com/backplane-go/backplane/internal/journal"
)

// Drain stops the server so that its clients move to other nodes, not all at once. From its start on, Unready says that
// the server is draining, and new clients are refused with status 503, after which official clients try again. The
// connected clients are disconnected with "server shutting down", spread evenly over Config.DrainTime. Each gets its
// queued packets first. Their connections are closed without a packet for the namespaces, so that official clients
// reconnect by themselves; they must reach another node then. At the end Drain does what Shutdown does.
//
// If ctx ends first, Drain disconnects the remaining clients, as Shutdown does, and returns ctx's error.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	over := s.env.config.DrainTime
	s.env.journal.Log(&journal.ServerDraining, slog.IntValue(s.ClientsCount()), slog.DurationValue(over))
	s.engine.Drain(ctx, over, s.closing)
	return s.Shutdown(ctx)
}

// Unready returns why the server should get no clients at the moment, one sentence per reason: it is draining or
// closed, or its cluster is not ready (see backplane.Cluster.Unready). It returns nothing if the server is ready.
// Package health serves it over HTTP.
func (s *Server) Unready() []string {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return []string{"the server is closed"}
	case s.draining.Load():
		return append([]string{"the server is draining"}, s.cluster.Unready()...)
	}
	return s.cluster.Unready()
}
