package socketio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/storage"
)

// clusterRecovery recovers clients of a namespace on any node: events are in the log of the cluster, sessions in a
// storage.Sessions.
type clusterRecovery struct {
	log    *recoveryLog
	ns     *backplane.Namespace
	store  *sessionStore
	shared *awayStore // nil: only this library recovers clients
	scope  string     // of the sessions
	older  olderReader
	absent map[string]time.Time // since when owners of sessions have been no peers; for the upkeep

	checks   sync.Mutex // guards all below
	next     *logCheck  // nil: no client waits for one that has not begun
	checking bool       // there is a goroutine that looks
}

func newClusterRecovery(log *recoveryLog, ns *backplane.Namespace, store *sessionStore) *clusterRecovery {
	scope := ns.Channel()
	if len(scope) > maxScope {
		scope = scope[:maxScope/2] + sessionKey(scope)
	}
	shared, _ := store.sessions.(*awayStore)
	return &clusterRecovery{log: log, ns: ns, store: store, shared: shared, scope: strings.ToValidUTF8(scope, "?")}
}

// maxScope is the maximum length of a scope in bytes, see storage.SavedSession.
const maxScope = 255

// recoveryWait limits how long a client that connects waits for the database: first until its session is found and what
// it has missed is read, and then until its session is stored.
const recoveryWait = 5 * time.Second

// sessionKey returns the key of a session in the store, from which the pid cannot be found out.
func sessionKey(pid string) string {
	sum := sha256.Sum256([]byte(pid))
	return hex.EncodeToString(sum[:])
}

// keyOf returns the key of the session of a pid in the store.
func (c *clusterRecovery) keyOf(pid string) string {
	if c.shared != nil {
		return pid
	}
	return sessionKey(pid)
}

// save asks for the state of a socket to be saved soon.
func (c *clusterRecovery) save(s *Socket) {
	if c.shared != nil {
		return
	}
	c.store.put(&write{cluster: c, key: s.session.key, socket: s})
}

// saveNow asks for the state of a socket to be saved at once.
func (c *clusterRecovery) saveNow(s *Socket) {
	if c.shared != nil {
		return
	}
	c.store.put(&write{cluster: c, key: s.session.key, socket: s, urgent: true})
}

// await waits until the state of a socket was saved as save and saveNow have asked for, unless the store does not
// answer.
func (c *clusterRecovery) await(s *Socket) {
	if !c.store.fails.Load() {
		ctx, cancel := context.WithTimeout(c.store.ctx, recoveryWait)
		defer cancel()
		_ = c.store.flush(ctx, &sessionID{c.scope, s.session.key}) // it is tried again
	}
}

// saveAway asks for the state of a client that has lost its connection to be saved at once.
func (c *clusterRecovery) saveAway(own *session, state *sessionState) {
	c.store.put(&write{cluster: c, key: own.key, state: state, urgent: true})
}

// remove asks for a session to be removed at once.
func (c *clusterRecovery) remove(own *session) {
	if c.shared != nil {
		return
	}
	c.store.put(&write{cluster: c, key: own.key, urgent: true})
}

// take takes over the session of a pid, of a client that has received everything up to a position. It returns local,
// the state that this node has, if that is the latest one. It returns nil if the client cannot be recovered.
func (c *clusterRecovery) take(ctx context.Context, pid string, received backplane.Position,
	local *sessionState) *sessionState {
	own := &session{key: c.keyOf(pid)}
	var saved storage.SavedSession
	var failed error
	err := untilReached(ctx, func(ctx context.Context) (err error) {
		if saved, err = c.store.take(ctx, c, own.key); err != nil && !isAnswer(err) {
			failed = err
		}
		return err
	})
	switch {
	case err != nil && failed != nil:
		c.store.report(failed)
		c.remove(own) // in case that it was taken all the same
		return nil
	case err != nil:
		return nil
	case saved.Owner == c.ns.UID() && local != nil:
		return local
	}
	var state sessionState
	if !c.log.env.isolate(c.log.namespace, "", "session", func() {
		if c.shared != nil {
			state, saved.Owner, err = c.decodeShared(saved.State, pid, received)
		} else {
			state, err = decodeSession(saved.State, saved.Owner, c.log.DecodeData)
		}
	}) || err != nil {
		if err != nil && !errors.Is(err, errTakenBefore) {
			c.store.report(err)
		}
		c.remove(own)
		return nil
	}
	if c.shared != nil {
		if local != nil && saved.Owner == c.ns.UID() && local.tenure == state.tenure {
			return local
		}
		return &state
	}
	if saved.Owner != c.ns.UID() && slices.Contains(c.ns.Peers(), saved.Owner) {
		if err := c.ns.TakenSession(saved.Owner, state.id+" "+state.tenure); err != nil {
			c.store.report(err) // the old connection ends when it times out
		}
	}
	return &state
}
