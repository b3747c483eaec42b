package socketio

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// write is a session to be written.
type write struct {
	cluster *clusterRecovery
	key     string
	socket  *Socket       // whose current state is to be saved; nil: state is
	state   *sessionState // of a client that is away; nil: the session is to be removed
	urgent  bool          // without changeDelay
	tries   int           // that have failed
}

// run writes what is waiting until there is nothing more.
func (s *sessionStore) run() {
	backoff, most := time.Duration(0), writeBatch
	for {
		wait, hurry := changeDelay, s.hurry
		if backoff > 0 {
			wait, hurry = backoff, s.works
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-hurry:
		case <-s.ctx.Done():
		}
		t.Stop()
		batch := s.next(most)
		if batch == nil {
			return
		}
		err := s.write(batch)
		s.fails.Store(err != nil)
		s.finish(batch, err)
		if err == nil {
			backoff, most = 0, min(2*most, writeBatch)
			continue
		}
		s.report(err)
		backoff = min(max(2*backoff, changeDelay), maxWriteBackoff)
		most = max(1, most/4) // the store may refuse a single one
	}
}

// next moves a batch from waiting to writing. It returns nil, and the goroutine has to end, if there is none.
func (s *sessionStore) next(most int) map[sessionID]*write {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.running = false
		return nil
	}
	batch := make(map[sessionID]*write, min(len(s.waiting), most))
	for id, w := range s.waiting {
		if len(batch) == most {
			s.doHurry() // for the rest
			break
		}
		batch[id] = w
		delete(s.waiting, id)
	}
	s.writing = batch
	return batch
}

// finish ends the writing of a batch. After an error it is to be written again, except for what has changed since.
func (s *sessionStore) finish(batch map[sessionID]*write, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = nil
	close(s.round)
	s.round = make(chan struct{})
	if err == nil || s.closed {
		return
	}
	for id, w := range batch {
		if w.tries++; w.tries < maxTries && s.waiting[id] == nil {
			s.waiting[id] = w
		}
	}
}

// write writes a batch.
func (s *sessionStore) write(batch map[sessionID]*write) error {
	ctx, cancel := context.WithTimeout(s.ctx, writeTimeout)
	defer cancel()
	var saved []storage.SavedSession
	removed := make(map[*clusterRecovery][]string)
	for _, w := range batch {
		state := w.state
		if w.socket != nil {
			if state = w.socket.currentState(); state == nil {
				continue // another socket, or nobody, owns the session
			}
		}
		var p []byte
		if state != nil {
			var err error
			if p, err = w.encode(state); err != nil {
				s.report(err) // and the client is not recovered on other nodes
			}
		}
		if p == nil {
			removed[w.cluster] = append(removed[w.cluster], w.key)
			continue
		}
		saved = append(saved, storage.SavedSession{Scope: w.cluster.scope, Key: w.key, Owner: w.cluster.ns.UID(),
			Away: w.socket == nil, State: p})
	}
	if len(saved) > 0 {
		if err := s.call(func() error { return s.sessions.SaveSessions(ctx, saved...) }); err != nil {
			return err
		}
	}
	for c, keys := range removed {
		err := s.call(func() error { return s.sessions.RemoveSessions(ctx, c.scope, c.ns.UID(), keys...) })
		if err != nil {
			return err
		}
	}
	return nil
}

// encode encodes a state. It calls methods of the application's data.
func (w *write) encode(state *sessionState) (p []byte, err error) {
	log := w.cluster.log
	if !log.env.isolate(log.namespace, state.id, "data", func() {
		if w.cluster.shared != nil {
			p, err = w.cluster.encodeShared(w.key, state)
		} else {
			p, err = state.encode(w.cluster.ns.UID())
		}
	}) {
		return nil, errInternal
	}
	return p, err
}
