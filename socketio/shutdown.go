package socketio

import (
	"context"
	"errors"
	"time"
)

// Shutdown stops the server gently. It refuses new clients and disconnects the others with "server shutting down"
// once they have received what is queued for them, for which they have Config.ShutdownTimeout. It waits until
// their handlers have returned, then closes all namespaces, and the cluster if NewServer made it.
//
// When ctx ends first, Shutdown abandons what is left and returns ctx's error. The cluster still gets a second to
// tell the other nodes that this one leaves; they would wait for its heartbeat otherwise.
func (s *Server) Shutdown(ctx context.Context) error {
	s.refuseClients()
	err := s.engine.Shutdown(ctx)
	select {
	case <-s.idle:
	case <-ctx.Done():
		err = ctx.Err()
		_ = s.engine.Close() // ctx's error is the one that matters
	}
	return s.leaveCluster(ctx, err)
}

// Close stops the server at once. It disconnects all clients with "server shutting down", drops what is queued
// for them, and closes all namespaces, and the cluster if NewServer made it. It waits until connections and
// namespaces are closed, but not for handlers that still run: Shutdown does that. ctx bounds the wait for the
// cluster as for Shutdown.
//
// Close closes the whole server. Namespace.Close closes a single namespace.
func (s *Server) Close(ctx context.Context) error {
	s.refuseClients()
	return s.leaveCluster(ctx, s.engine.Close())
}

// refuseClients makes the server refuse new clients.
func (s *Server) refuseClients() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.closing)
	if s.unreleased == 0 {
		close(s.idle)
	}
}

// leaveTimeout bounds how long the other nodes are told that this one leaves when the caller's context has ended.
const leaveTimeout = time.Second

// leaveCluster ends what serves clients, and closes the namespaces and the server's own cluster. err is the
// result of closing the connections.
func (s *Server) leaveCluster(ctx context.Context, err error) error {
	s.env.scheduler.Close()
	if s.reauthenticator != nil {
		<-s.reauthenticator.done
	}
	leaving, cancel := ctx, context.CancelFunc(func() {})
	if ctx.Err() != nil {
		leaving, cancel = context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	}
	defer cancel()
	errs := []error{err}
	for _, ns := range s.Namespaces() {
		errs = append(errs, s.shut(leaving, ns))
	}
	if s.ownCluster && s.cluster != nil {
		errs = append(errs, s.cluster.Close(leaving))
	}
	if err = errors.Join(errs...); err != nil && ctx.Err() != nil {
		return ctx.Err() // once, not for each namespace
	}
	return err
}
