package core

import (
	"sync"
	"sync/atomic"
	"time"
)

// lives are the other processes that peers belong to, and when each last gave a sign of life. One is known as long as a peer
// belongs to it: signs of life of others are nobody's, however many come.
type lives struct {
	began time.Time // for clocks that do not jump

	mu  sync.Mutex // guards all below
	all map[string]*life
}

// life is another process.
type life struct {
	id    string
	peers int          // who belong to it; guarded by lives.mu
	clock uint64       // of its last sign of life; guarded by lives.mu
	heard atomic.Int64 // nanoseconds since lives.began; 0: not yet
}

func newLives(began time.Time) *lives { return &lives{began: began, all: make(map[string]*life)} }

// join returns the process that another peer belongs to.
func (l *lives) join(id string) *life {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.all[id]
	if p == nil {
		p = &life{id: id}
		l.all[id] = p
	}
	p.peers++
	return p
}

// leave is called when a peer does not belong to its process any more.
func (l *lives) leave(p *life) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.peers--; p.peers == 0 {
		delete(l.all, p.id)
	}
}

// beat notes a sign of life of a process, unless it is a copy of one that came before: clock is the process's own, and grows.
func (l *lives) beat(id string, clock uint64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.all[id]; p != nil && clock > p.clock {
		p.clock = clock
		p.heard.Store(int64(now.Sub(l.began)))
	}
}

// last returns when a peer was last heard: itself or its process.
func (l *lives) last(p *peer) time.Time {
	if p.process != nil {
		if heard := l.began.Add(time.Duration(p.process.heard.Load())); heard.After(p.last) {
			return heard
		}
	}
	return p.last
}
