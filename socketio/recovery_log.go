package socketio

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/retention"
)

// recoveryLog is the state that recovery needs for each namespace: the order of its events, and which socket owns
// which session.
type recoveryLog struct {
	*Recovery
	env       *environment
	namespace string
	memory    *recoveryMemory
	cluster   *clusterRecovery // nil: clients are recovered on this node only
	lastSaved atomic.Int64     // time when a session was last saved, in Unix nanoseconds; 0: none yet

	// owning guards owners and moving. If both are needed, it is locked before mu.
	owning sync.Mutex
	// by pid. The hash is seeded, so the time of a look-up reveals nothing about pids.
	owners map[string]*Socket
	moving map[string]chan struct{} // by pid: closed when the session has moved to another socket

	// mu makes the order of the log the order in which every client receives the events, so that the position of
	// the last event says which ones a client has received. Events are sent while mu is held; sending does not
	// block.
	mu     sync.Mutex
	stream *retention.Stream[*keptEntry] // what was delivered
	last   backplane.Position            // of the last entry; zero until the log of the cluster is known
	text   string                        // the text form of last
	before backplane.Position            // of the entry before
	// applied is the position up to which the changes of the log were certainly applied to the sockets.
	applied backplane.Position
	known   chan struct{} // closed when last is known
}

func newRecoveryLog(env *environment, memory *recoveryMemory, namespace string) *recoveryLog {
	return &recoveryLog{Recovery: env.config.Recovery, env: env, namespace: namespace, memory: memory,
		owners: make(map[string]*Socket), moving: make(map[string]chan struct{}), known: make(chan struct{})}
}

// open begins the log of a namespace on this node. cluster is nil if its clients are recovered on this node only. The
// caller holds mu.
func (l *recoveryLog) open(cluster *clusterRecovery) {
	if l.cluster = cluster; cluster == nil {
		l.restart(backplane.Position{Epoch: newEpoch()})
	}
}

// restart begins at a position. The caller holds mu.
func (l *recoveryLog) restart(at backplane.Position) {
	if l.stream != nil {
		l.memory.close(l.stream)
	}
	l.stream = l.memory.open(at)
	if l.last.IsZero() {
		close(l.known)
	}
	l.last, l.before, l.applied, l.text = at, at, at, l.textOf(at)
}

// close ends the log of a namespace that is closed. Its sessions cannot be recovered on this node any more, because
// events that follow do not reach it.
func (l *recoveryLog) close() {
	l.memory.forget(l.namespace)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream != nil {
		l.memory.close(l.stream)
	}
}

// continues is called when the log of the cluster continues after a position. If complete is false, the sockets have
// missed messages before it.
func (l *recoveryLog) continues(after backplane.Position, complete bool) {
	l.owning.Lock()
	defer l.owning.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cluster == nil {
		return
	}
	l.restart(after)
	for pid, s := range l.owners {
		switch own := s.session; {
		case !own.registered:
		case !complete:
			own.incomplete = true
			delete(l.owners, pid)
			l.cluster.remove(own)
		case own.began.IsZero(): // it has received everything since then
			own.began = after
			l.cluster.save(s)
		}
	}
}

// stamp is what an event is sent with: the position that the client takes for that of the last event that it has
// received. No event may be without one, because official clients take any string that is the last argument of an
// event for an offset.
type stamp struct {
	position backplane.Position
	text     string
	kept     bool // the position is the event's own
}

// stampOf keeps an event unless it is volatile, and returns its stamp. In a namespace of the cluster's log, at is the
// event's position there, or zero. An event that is not kept gets the position of the one before it. The caller holds
// mu.
func (l *recoveryLog) stampOf(args backplane.Args, at backplane.Position, to backplane.Selector, volatile bool) stamp {
	l.before = l.last
	switch {
	case l.stream == nil, l.cluster == nil && volatile:
		at = backplane.Position{}
	case l.cluster == nil:
		at = l.last
		at.Offset.Major++
	}
	if !at.IsZero() {
		l.last, l.applied, l.text = at, at, l.textOf(at)
		l.memory.append(l.stream, &keptEntry{kind: codec.Broadcast, position: at, args: args}, to)
	}
	return stamp{l.last, l.text, !at.IsZero()}
}

// keep keeps a message of the cluster's log that is about to be applied, or was sent before. e is nil if clients cannot
// miss it.
func (l *recoveryLog) keep(e *keptEntry, to backplane.Selector, at backplane.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cluster == nil || l.stream == nil {
		return
	}
	l.applied, l.before = l.last, l.last
	l.last, l.text = at, l.textOf(at)
	if e != nil {
		l.memory.append(l.stream, e, to)
	}
}

// recoverable returns for how long a client of the namespace can still be recovered.
func (l *recoveryLog) recoverable() time.Duration {
	saved := l.lastSaved.Load()
	if saved == 0 {
		return 0
	}
	return l.MaxDisconnection - time.Since(time.Unix(0, saved))
}

// takeOver takes the session of a pid from the socket that owns it, or from memory. It returns its state and that
// socket, or nil if there is none; the state is nil, too, if it was not set up. It waits while the socket joins its
// namespace, and while the session moves already; it returns false if ctx ends first. The caller has to call moved, and
// retire if the socket was an owner.
func (l *recoveryLog) takeOver(ctx context.Context, pid string) (state *sessionState, old *Socket, owner, ok bool) {
	for {
		l.owning.Lock()
		moving := l.moving[pid]
		if moving == nil {
			old = l.owners[pid]
			if old == nil || old.state.CompareAndSwap(client.Connecting, client.Disconnected) ||
				old.state.Load() != client.Registered {
				l.moving[pid] = make(chan struct{})
				defer l.owning.Unlock()
				if old != nil {
					delete(l.owners, pid)
					return old.suspend(), old, true, true // before it leaves the registry
				}
				if away, found := l.memory.take(l.namespace, pid); found {
					return &away.state, away.socket.Value(), false, true
				}
				return nil, nil, false, true
			}
		}
		l.owning.Unlock() // an OnJoinRoom function of the application may need it
		if moving == nil {
			old.session.joining.Lock()
			old.session.joining.Unlock() //lint:ignore SA2001 only waits for the join
			continue
		}
		select {
		case <-moving:
		case <-ctx.Done():
			return nil, nil, false, false
		}
	}
}

// moved is called after takeOver, when another socket owns the session, or no socket can.
func (l *recoveryLog) moved(pid string) {
	l.owning.Lock()
	defer l.owning.Unlock()
	close(l.moving[pid])
	delete(l.moving, pid)
}

// saveAll saves the sessions of all sockets that have been in the registry, and of those whose clients are about to be
// recovered.
func (l *recoveryLog) saveAll() {
	l.owning.Lock()
	all := slices.Collect(maps.Values(l.owners))
	l.owning.Unlock()
	for _, s := range all {
		if s.state.Load() != client.Connecting || s.Recovered() {
			s.saveSession()
		}
	}
}

// disown takes the session from a socket. It returns false if the socket does not own it any more. The caller
// holds owning.
func (l *recoveryLog) disown(s *Socket) bool {
	if s.session == nil || l.owners[s.session.pid] != s {
		return false
	}
	delete(l.owners, s.session.pid)
	return true
}
