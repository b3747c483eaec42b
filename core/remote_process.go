package core

import (
	"sync"
	"sync/atomic"
	"time"
)

// remoteProcesses are the other processes that peers belong to, and when each last sent a heartbeat. A process is
// known only while a peer belongs to it, so heartbeats of invented processes take no memory.
type remoteProcesses struct {
	began time.Time // times are measured from here, with the monotonic clock

	mu  sync.Mutex // guards all below
	all map[string]*remoteProcess
}

// remoteProcess is another process.
type remoteProcess struct {
	id    string
	peers int          // how many belong to it; guarded by remoteProcesses.mu
	clock uint64       // of its last heartbeat; guarded by remoteProcesses.mu
	heard atomic.Int64 // nanoseconds since remoteProcesses.began; 0: not yet
}

func newRemoteProcesses(began time.Time) *remoteProcesses {
	return &remoteProcesses{began: began, all: make(map[string]*remoteProcess)}
}

// join returns the process with this id, to which one more peer belongs now.
func (r *remoteProcesses) join(id string) *remoteProcess {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.all[id]
	if p == nil {
		p = &remoteProcess{id: id}
		r.all[id] = p
	}
	p.peers++
	return p
}

// leave is called when a peer no longer belongs to p.
func (r *remoteProcesses) leave(p *remoteProcess) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.peers--; p.peers == 0 {
		delete(r.all, p.id)
	}
}

// heartbeat notes a heartbeat of a process, unless it is a copy of an earlier one: clock is the process's own and
// grows.
func (r *remoteProcesses) heartbeat(id string, clock uint64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.all[id]; p != nil && clock > p.clock {
		p.clock = clock
		p.heard.Store(int64(now.Sub(r.began)))
	}
}

// lastHeard returns when a peer or its process was last heard.
func (r *remoteProcesses) lastHeard(p *peer) time.Time {
	if p.process != nil {
		if heard := r.began.Add(time.Duration(p.process.heard.Load())); heard.After(p.lastHeard) {
			return heard
		}
	}
	return p.lastHeard
}
