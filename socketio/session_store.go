package socketio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// sessionStore writes the sessions of a server's clients to a storage.Sessions. A goroutine does so while there is
// something to write. Writes of the same session are merged.
type sessionStore struct {
	sessions   storage.Sessions
	env        *environment
	preparing  sync.Once
	prepareErr error
	taking     chan struct{} // limits calls of TakeSession at the same time
	fails      atomic.Bool   // the latest write has failed
	hurry      chan struct{} // has a value if some of waiting are urgent
	works      chan struct{} // has a value if the store has answered since the latest write failed

	ctx    context.Context // of calls; ends with close
	cancel context.CancelFunc
	group  sync.WaitGroup // goroutines

	restores sync.WaitGroup // clients whose sessions are about to be restored

	mu       sync.Mutex // guards all below, and what is added to group and restores
	waiting  map[sessionID]*write
	writing  map[sessionID]*write // by the goroutine
	round    chan struct{}        // closed when writing was written, or was not
	running  bool                 // there is a goroutine that writes
	leaving  bool                 // no session is restored any more
	closed   bool                 // nothing is written or read any more
	reported time.Time            // when an error was last reported
}

// sessionID identifies a session in the store.
type sessionID struct{ scope, key string }

const (
	// changeDelay is how long changes of rooms and data are gathered before they are written.
	changeDelay = 50 * time.Millisecond
	// writeBatch is the maximum number of sessions that are saved at once.
	writeBatch = 500
	// maxTries is how often a write is tried. The upkeep stores the session again later.
	maxTries = 20
	// writeTimeout limits a call of the store.
	writeTimeout = 5 * time.Second
	// maxWriteBackoff limits the time between two attempts to write.
	maxWriteBackoff = time.Second
	// reportEvery is how often errors of the store are reported at most.
	reportEvery = 10 * time.Second
	// takesAtOnce is how many sessions are taken over at the same time at most.
	takesAtOnce = 64
)

func newSessionStore(sessions storage.Sessions, env *environment) *sessionStore {
	s := &sessionStore{sessions: sessions, env: env, taking: make(chan struct{}, takesAtOnce),
		waiting: make(map[sessionID]*write), hurry: make(chan struct{}, 1), works: make(chan struct{}, 1),
		round: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// prepare prepares the store when it is called first.
func (s *sessionStore) prepare() {
	s.preparing.Do(func() {
		ctx, cancel := context.WithTimeout(s.ctx, writeTimeout)
		defer cancel()
		if err := s.call(func() error { return s.sessions.PrepareSessions(ctx) }); err != nil {
			s.prepareErr = fmt.Errorf("socketio: sessions: %w", err)
		}
	})
}

// put asks for a session to be written. It does not wait.
func (s *sessionStore) put(w *write) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.waiting[sessionID{w.cluster.scope, w.key}] = w
	if w.urgent {
		s.doHurry()
	}
	if !s.running {
		s.running = true
		s.group.Go(s.run)
	}
}

// doHurry makes the goroutine write without a delay.
func (s *sessionStore) doHurry() { signal(s.hurry) }

// signal puts a value into a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// flush waits until a session, or all if id is nil, has no write that was not done.
func (s *sessionStore) flush(ctx context.Context, id *sessionID) error {
	for {
		s.mu.Lock()
		busy := len(s.waiting)+len(s.writing) > 0
		if id != nil {
			busy = s.waiting[*id] != nil || s.writing[*id] != nil
		}
		round := s.round
		s.mu.Unlock()
		if !busy {
			return nil
		}
		s.doHurry()
		select {
		case <-round:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take takes over a session. What this node has to write of it is written first.
func (s *sessionStore) take(ctx context.Context, c *clusterRecovery, key string) (saved storage.SavedSession,
	err error) {
	if err := s.flush(ctx, &sessionID{c.scope, key}); err != nil {
		return saved, err
	}
	select {
	case s.taking <- struct{}{}:
	case <-ctx.Done():
		return saved, ctx.Err()
	}
	defer func() { <-s.taking }()
	err = s.call(func() (err error) {
		saved, err = s.sessions.TakeSession(ctx, c.scope, key, c.ns.UID(), c.log.MaxDisconnection)
		return err
	})
	if (err == nil || errors.Is(err, storage.ErrNotFound)) && s.fails.CompareAndSwap(true, false) {
		signal(s.works) // nobody else can take the session until it is written
	}
	return saved, err
}

// call calls a method of the store, which may be the application's.
func (s *sessionStore) call(f func() error) (err error) {
	if !s.env.isolate("", "", "Sessions", func() { err = f() }) {
		return errInternal
	}
	return err
}

// report reports an error of the store once in a while.
func (s *sessionStore) report(err error) {
	s.mu.Lock()
	now := time.Now()
	due := !s.closed && now.Sub(s.reported) >= reportEvery
	if due {
		s.reported = now
	}
	s.mu.Unlock()
	if due {
		s.env.report(fmt.Errorf("socketio: sessions: %w", err))
	}
}

// goUnlessClosed calls f on a goroutine that close waits for.
func (s *sessionStore) goUnlessClosed(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.group.Go(f)
	}
	return !s.closed
}

// beginRestore is called before the session of a client is restored, and restores.Done after that. It returns false if
// the server is being closed.
func (s *sessionStore) beginRestore() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leaving {
		s.restores.Add(1)
	}
	return !s.leaving
}

// leave makes clients that come be new ones. It waits until sessions that this node may have taken over have owners.
func (s *sessionStore) leave(ctx context.Context) {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, recoveryWait)
	defer cancel()
	restored := make(chan struct{})
	go func() {
		s.restores.Wait()
		close(restored)
	}()
	select {
	case <-restored:
	case <-ctx.Done():
	}
}

// close writes what is waiting, until ctx ends, and then nothing more.
func (s *sessionStore) close(ctx context.Context) error {
	err := s.flush(ctx, nil)
	s.mu.Lock()
	s.closed = true
	clear(s.waiting)
	s.mu.Unlock()
	s.cancel()
	s.group.Wait()
	return err
}
