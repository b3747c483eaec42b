package socketio

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/backplane-go/backplane/socketio/internal/client"
)

// Upkeep is what the sessions of clients that are recovered on any node need now and then: sessions of connected
// clients are stored again, so that the log has what follows them, those of nodes that have gone are found, and those
// that are too old are removed. More often than that, the node looks whether the store has lost its sessions, as
// PostgreSQL does in a crash.

// absence is how long the owner of a session must have been no peer before its clients are away. It is longer than the
// time after which peers that are silent are taken to be gone, by default 10 s.
const absence = 15 * time.Second

// lossInterval is the average time after which a node looks whether the store has lost its sessions.
const lossInterval = 5 * time.Second

// upkeep does the upkeep of all namespaces until stop is closed. every is the average time between two times. outages
// returns how often the node has lost its session on the bus: a crash of the server ends it.
func (s *sessionStore) upkeep(every time.Duration, namespaces func() []*clusterRecovery, outages func() uint64,
	stop <-chan struct{}) {
	if _, shared := s.sessions.(*awayStore); shared {
		return // the server removes them, and no connected client has one
	}
	pause, known := min(every, lossInterval), outages()
	for due := time.Now().Add(every); ; {
		select {
		case <-time.After(pause*3/4 + rand.N(pause/2)): // nodes do it at different times
		case <-stop:
			return
		}
		all, now := namespaces(), outages()
		lost, err := s.hasLost(all)
		if err == nil && (lost || now != known) { // the sessions of new clients may hide that older ones are lost
			known = now
			for _, c := range all {
				c.storeAgain(0, true)
			}
		}
		if time.Now().Before(due) {
			continue
		}
		due = time.Now().Add(every*3/4 + rand.N(every/2))
		for _, c := range all {
			if err := c.maintain(); err != nil {
				s.report(err)
			}
		}
	}
}

// hasLost reports whether the store has no sessions of connected clients. It asks for one namespace, because a store
// that loses some loses all. Its error says that the store cannot be asked now.
func (s *sessionStore) hasLost(all []*clusterRecovery) (lost bool, err error) {
	i := slices.IndexFunc(all, (*clusterRecovery).hasStored)
	if i < 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, writeTimeout)
	defer cancel()
	var owners []string
	err = s.call(func() (err error) {
		owners, err = s.sessions.SessionOwners(ctx, all[i].scope)
		return err
	})
	return err == nil && !slices.Contains(owners, all[i].ns.UID()), err
}

// hasStored reports whether there is a connected client whose session was stored.
func (c *clusterRecovery) hasStored() bool {
	c.log.owning.Lock()
	defer c.log.owning.Unlock()
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	for _, s := range c.log.owners {
		if own := s.session; own.registered && !own.storedAt.IsZero() {
			return true
		}
	}
	return false
}

// maintain does the upkeep of a namespace.
func (c *clusterRecovery) maintain() error {
	c.storeAgain(c.log.MaxDisconnection/4, false)
	ctx, cancel := context.WithTimeout(c.store.ctx, writeTimeout)
	defer cancel()
	sessions := c.store.sessions
	return c.store.call(func() error {
		owners, err := sessions.SessionOwners(ctx, c.scope)
		if err != nil {
			return err
		}
		var errs []error
		for _, owner := range c.gone(owners, time.Now()) {
			errs = append(errs, sessions.AbandonSessions(ctx, c.scope, owner))
		}
		return errors.Join(append(errs, sessions.ExpireSessions(ctx, c.scope, c.log.MaxDisconnection))...)
	})
}

// gone returns the owners that have been no peers for long enough.
func (c *clusterRecovery) gone(owners []string, now time.Time) (gone []string) {
	peers := append(c.ns.Peers(), c.ns.UID())
	absent := make(map[string]time.Time)
	for _, owner := range owners {
		if slices.Contains(peers, owner) {
			continue
		}
		since, known := c.absent[owner]
		if !known {
			since = now
		}
		absent[owner] = since
		if now.Sub(since) >= min(absence, c.log.MaxDisconnection) {
			gone = append(gone, owner)
		}
	}
	c.absent = absent
	return gone
}

// storeAgain stores the sessions of connected clients that were not stored for some time: those for which there were
// messages since then, or all.
func (c *clusterRecovery) storeAgain(after time.Duration, all bool) {
	log, now := c.log, time.Now()
	log.owning.Lock()
	defer log.owning.Unlock()
	log.mu.Lock()
	defer log.mu.Unlock()
	for _, s := range log.owners {
		own := s.session
		if own.registered && (all || own.stored != log.last) && now.Sub(own.storedAt) >= after {
			c.save(s)
		}
	}
}

// currentState returns the state of a connected socket, or nil if it does not own its session or is not set up.
func (s *Socket) currentState() *sessionState {
	log, own := s.roster.log, s.session
	log.owning.Lock()
	owner := log.owners[own.pid] == s
	log.owning.Unlock()
	log.mu.Lock()
	if !owner || !own.registered || !own.setUp || own.suspended || log.last.IsZero() {
		log.mu.Unlock()
		return nil
	}
	state := s.stateLocked()
	own.stored, own.storedAt = log.last, time.Now()
	log.mu.Unlock()
	state.rooms, state.data = s.Rooms(), s.Data() // read last, so that they have the changes that the state says
	if s.state.Load() == client.Disconnected {
		return nil // it was leaving its rooms
	}
	return &state
}
