package socketio

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/internal/journal"
)

// Shutdown stops the server gracefully. It refuses new clients. It disconnects each connected client with "server
// shutting down" once the client has received its queued packets, or after Config.ShutdownTimeout. It waits until
// all handlers have returned. Then it closes all namespaces, and the cluster if NewServer opened it.
//
// If ctx ends first, Shutdown stops waiting, closes the server as Close does, and returns ctx's error. It still
// takes up to a second to send a leave message to the other nodes, which would otherwise wait for the missing
// heartbeat.
func (s *Server) Shutdown(ctx context.Context) error {
	s.refuseClients()
	err := s.engine.Shutdown(ctx)
	select {
	case <-s.idle:
	case <-ctx.Done():
		err = ctx.Err()
		_ = s.engine.Close() // ctx's error is more important
	}
	return s.leaveCluster(ctx, err)
}

// Close stops the server at once. It disconnects all clients with "server shutting down" and drops their queued
// packets. It closes all namespaces, and the cluster if NewServer opened it. It waits until connections and
// namespaces are closed, but not until handlers have returned: Shutdown does that. ctx limits the wait for the
// cluster, as in Shutdown.
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

// leaveTimeout limits how long it may take to send the leave messages to the other nodes when the caller's context
// has ended.
const leaveTimeout = time.Second

// leaveCluster stops the scheduler and the reauthenticator, and closes the namespaces, and the cluster if NewServer
// opened it. err is the error from closing the connections.
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
	errs := []error{err, s.leaveSessions(leaving)}
	for _, ns := range s.Namespaces() {
		errs = append(errs, s.shut(leaving, ns))
	}
	if s.ownCluster && s.cluster != nil {
		errs = append(errs, s.cluster.Close(leaving))
	}
	s.closedLog.Do(func() {
		s.env.journal.Log(&journal.ServerClosed)
		s.env.journal.Close()
	})
	if err = errors.Join(errs...); err != nil && ctx.Err() != nil {
		return ctx.Err() // once, not for each namespace
	}
	return err
}

// leaveSessions stores the sessions of clients that may reconnect to other nodes. ctx limits the wait for the store.
func (s *Server) leaveSessions(ctx context.Context) error {
	if s.sessions == nil {
		return nil
	}
	s.sessions.leave(ctx)
	for _, ns := range s.Namespaces() {
		ns.log.saveAll() // of sockets whose functions still run
	}
	err := s.sessions.close(ctx)
	s.upkeep.Wait()
	return err
}
