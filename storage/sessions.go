package storage

import (
	"context"
	"time"
)

// Retainer is implemented by a Store that can keep a body longer than Expire asks for. The cluster uses it for bodies
// of messages that a log keeps.
type Retainer interface {
	Store

	// PutFor does what PutAll of a Batch does, and keeps the bodies for at least the given time: no Expire of any node
	// removes them before. They expire as if they had been put when that time has passed.
	PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) (ids []string, err error)
}

// Sessions keeps the state of connected clients, so that a client whose node has crashed can be taken over by another
// node. It is safe for concurrent use. It may lose sessions in a crash of its server: their clients are not recovered.
//
// A session belongs to one node at a time, its owner. Only the owner changes it; TakeSession makes another node the
// owner. Contexts work as for a Store.
type Sessions interface {
	// PrepareSessions checks whether sessions can be kept, and creates what is missing if it may. Its errors say what
	// to do.
	PrepareSessions(ctx context.Context) error

	// SaveSessions creates or replaces sessions, in one round trip if it can. It ignores a session that another node
	// owns. A session that was taken can be taken again once its new owner has saved it.
	SaveSessions(ctx context.Context, sessions ...SavedSession) error

	// TakeSession makes owner the owner of the session with a scope and a key, and returns the session as it was saved
	// last: SavedSession.Owner is the owner before. If several nodes take a session at the same moment, one gets it.
	// The others get ErrNotFound, as for a session that does not exist, or whose client was away for longer than
	// maxAway.
	TakeSession(ctx context.Context, scope, key, owner string, maxAway time.Duration) (SavedSession, error)

	// RemoveSessions removes the sessions with a scope and keys that owner owns.
	RemoveSessions(ctx context.Context, scope, owner string, keys ...string) error

	// SessionOwners returns the owners of sessions whose clients are not away.
	SessionOwners(ctx context.Context, scope string) ([]string, error)

	// AbandonSessions notes that a node has gone: its clients are away from now on, and sessions that it has taken and
	// not saved can be taken again.
	AbandonSessions(ctx context.Context, scope, owner string) error

	// ExpireSessions removes the sessions of clients that were away for longer than maxAway.
	ExpireSessions(ctx context.Context, scope string, maxAway time.Duration) error
}

// AwaySessions keeps the sessions of clients that are away, where other programs find them, too. It is safe for
// concurrent use. Contexts work as for a Store.
type AwaySessions interface {
	// PutAway keeps the state of a client for as long as it may be away. Key is a secret of the client.
	PutAway(ctx context.Context, key string, state []byte, maxAway time.Duration) error

	// TakeAway returns the state with a key and removes it, so that of several nodes one gets it. The error is
	// ErrNotFound if there is none.
	TakeAway(ctx context.Context, key string) (state []byte, err error)
}

// SavedSession is the state of a client.
type SavedSession struct {
	// Scope says whose sessions these are: a namespace of a cluster. It is text of up to 255 bytes.
	Scope string
	// Key identifies the client within the scope: text of up to 255 bytes. Whoever reads the store must not learn a
	// secret from it.
	Key string
	// Owner is the id of the node that owns the session: text of up to 255 bytes.
	Owner string
	// Away reports that the client has lost its connection. It is away from the first save with Away on.
	Away bool
	// State is what the node needs to restore the client.
	State []byte
}
