package socketio

import (
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// emitStamped is Emit in a namespace with recovery: a client that is away receives the event when it reconnects. If
// events are kept by the log of the cluster, it is for those that are not.
func (s *Socket) emitStamped(args backplane.Args, o engineio.SendOptions) error {
	if s = s.latest(); !s.Connected() && !s.isPending() && (o.Volatile || !s.isAway()) {
		return ErrDisconnected
	}
	s.callOutgoingListeners(args)
	log := s.roster.log
	log.mu.Lock()
	defer log.mu.Unlock()
	s = s.latestLocked() // the session may have moved in the meantime
	if s.session.suspended {
		if other := s.roster.find(s.id); other != nil { // restored from the store, without a pointer to s
			s = other
		}
	}
	at := log.stampOf(args, backplane.Position{}, backplane.Selector{Rooms: []string{s.id}}, o.Volatile)
	frame, err := eventFrame(s.name, parser.NoID, args, at.text)
	if err != nil {
		return err
	}
	if s.deliverStamped(frame, args, o, at) {
		s.env.counts.sentEvents.Add(1)
	}
	return nil
}

// emitThroughLog is Emit in a namespace whose events are kept by the log of the cluster.
func (s *Socket) emitThroughLog(flags backplane.Flags, event string, args []any) error {
	if s = s.latest(); !s.Connected() && !s.isAway() {
		if !s.isPending() {
			return ErrDisconnected
		}
		s.roster.pending.add(s)
	}
	to := s.roster.log.cluster.ns.To(s.id)
	if flags.Compress != nil {
		to = to.Compress(*flags.Compress)
	}
	return to.EmitAsync(event, args...)
}

// isAway reports whether the client is disconnected, but may be recovered.
func (s *Socket) isAway() bool {
	log, own := s.roster.log, s.session
	log.owning.Lock()
	owner := log.owners[own.pid] == s
	log.owning.Unlock()
	if owner {
		return s.isSetUp()
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	return !own.movedAt.IsZero() && (time.Since(own.movedAt) < log.MaxDisconnection || s.roster.find(s.id) != nil)
}

// deliverStamped is like deliver, for an event that has a stamp. The caller holds the log's mu.
func (s *Socket) deliverStamped(f *wsframe.Frame, args backplane.Args, o engineio.SendOptions, at stamp) bool {
	own := s.session
	if !own.registered && own.began.IsZero() {
		own.began = s.roster.log.before
	}
	switch {
	case own.suspended: // the event is among those that the client misses
		return false
	case !includes(own.ahead, at.position):
	case at.kept: // the client has it
		return false
	case at.position.Before(own.ahead):
		var err error
		if f, err = eventFrame(s.name, parser.NoID, args, s.roster.log.textOf(own.ahead)); err != nil {
			return false // others report it
		}
	}
	if !at.kept {
		at.position = backplane.Position{}
	} else {
		own.sent = at.position // even if it does not arrive
	}
	return s.deliver(f, o, at.position)
}
