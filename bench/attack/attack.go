package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/bench/internal/process"
)

// attack is one way to hurt a server.
type attack struct {
	name, what string
	server     setting
	run        func(ctx context.Context, a *arena) error
	// after is how long the server has to get rid of what the attack left behind.
	after time.Duration
	bound bound
}

// bound is what an attack may cost at most. What is 0 is not looked at, but for what is left behind, which has a default.
type bound struct {
	peakMB     float64 // live heap above that of the server at rest, while the attack goes on
	cpuSeconds float64 // of the server, the well-behaved client's share included
	leftMB     float64 // live heap above that at rest, in the end; 0: 10
	goroutines int     // more than at rest, in the end; 0: as many as the server keeps for the next clients: 32, 16 for each processor, and a few
	files      int     // descriptors more than at rest, in the end; 0: 5
}

// The well-behaved client's bounds are wide: the attacker works on the same processors.
const (
	slowest = 3 * time.Second // its slowest answer
)

// arena is where an attack takes place.
type arena struct {
	victim *process.Process
	place  place
	sent   atomic.Int64 // bytes that the attacker has sent
	conns  atomic.Int64 // connections that it has opened
	notes  []string     // what an attack found out
	broken []string     // what it found to be wrong
}

// note adds a remark to the row of the attack.
func (a *arena) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// require notes that something is wrong unless ok.
func (a *arena) require(ok bool, format string, args ...any) {
	if !ok {
		a.broken = append(a.broken, fmt.Sprintf(format, args...))
	}
}

// attacker is the address that attackers come from. The well-behaved client comes from another one.
var attacker = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}

// connect opens an attacker's connection to the server.
func (a *arena) connect() (net.Conn, error) {
	d := net.Dialer{LocalAddr: attacker, Timeout: 10 * time.Second}
	nc, err := d.Dial("tcp", a.place.Addr)
	if err != nil {
		return nil, err
	}
	a.conns.Add(1)
	return &counted{Conn: nc, sent: &a.sent}, nil
}

// counted counts what is written.
type counted struct {
	net.Conn
	sent *atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// ask asks the server for its figures, or to do something.
func (a *arena) ask(q question) (state, error) {
	var s state
	err := a.victim.Ask(q, time.Minute, &s)
	return s, err
}

// row is what became of an attack.
type row struct {
	attack attack
	err    error // it could not be carried out
	broken []string
	notes  []string

	sent, conns     int64
	attackerCPU     float64
	peakMB, leftMB  float64
	cpu             float64
	goroutines      int // left behind
	files           int
	calls, unserved int // of the well-behaved client
	typical, worst  time.Duration
}

const megabyte = 1 << 20

// carryOut runs an attack against a server of its own.
func carryOut(ctx context.Context, what attack) (r row) {
	r.attack = what
	fail := func(err error) row {
		r.err = err
		return r
	}
	if what.server.Cluster && os.Getenv(postgresVariable) == "" {
		return fail(errSkipped)
	}
	a := &arena{}
	drop, err := a.start(what.server)
	if err != nil {
		return fail(err)
	}
	defer drop()
	rest, err := a.ask(question{Do: "settle"})
	if err != nil {
		return fail(err)
	}
	good, err := newHonest(a.place.Addr)
	if err != nil {
		return fail(err)
	}
	cpu := process.CPUSeconds()
	if err := what.run(ctx, a); err != nil {
		return fail(err)
	}
	r.attackerCPU = process.CPUSeconds() - cpu
	r.sent, r.conns = a.sent.Load(), a.conns.Load()
	s, err := a.settle(ctx, rest, what)
	if err != nil {
		return fail(err)
	}
	good.stop(&r)
	r.peakMB = max(0, s.Peak-rest.Heap) / megabyte
	r.leftMB = max(0, s.Heap-rest.Heap) / megabyte
	r.cpu = s.CPU - rest.CPU
	r.goroutines, r.files = s.Goroutines-rest.Goroutines, s.Files-rest.Files
	r.notes, r.broken = a.notes, a.broken
	r.judge()
	return r
}

// start starts the server, and returns what ends it.
func (a *arena) start(what setting) (stop func(), err error) {
	drop := func() {}
	if what.Cluster {
		if what.Postgres, drop, err = newDatabase(); err != nil {
			return nil, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		drop()
		return nil, err
	}
	if a.victim, err = process.Start("server", exec.Command(self, "-victim", what.String())); err != nil {
		drop()
		return nil, err
	}
	stop = func() {
		a.victim.Stop()
		drop()
	}
	if err := a.victim.Answer(time.Minute, &a.place); err != nil {
		stop()
		return nil, err
	}
	a.place.Postgres = what.Postgres
	return stop, nil
}

// settle waits until nothing is left of the attack, or its time for that is over.
func (a *arena) settle(ctx context.Context, rest state, what attack) (state, error) {
	b := what.bound.left()
	for end := time.Now().Add(what.after); ; {
		s, err := a.ask(question{Do: "settle"})
		over := s.Heap-rest.Heap > b.leftMB*megabyte || s.Goroutines-rest.Goroutines > b.goroutines || s.Files-rest.Files > b.files
		if err != nil || !over || time.Now().After(end) {
			return s, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}

// left returns the bounds with the defaults for what may be left behind.
func (b bound) left() bound {
	if b.leftMB == 0 {
		b.leftMB = 10
	}
	if b.goroutines == 0 {
		b.goroutines = 40 + 16*runtime.GOMAXPROCS(0)
	}
	if b.files == 0 {
		b.files = 5
	}
	return b
}

var errSkipped = errors.New("skipped: " + postgresVariable + " is not set")

// judge compares what was measured with the bounds.
func (r *row) judge() {
	b := r.attack.bound.left()
	over := func(bad bool, format string, args ...any) {
		if bad {
			r.broken = append(r.broken, fmt.Sprintf(format, args...))
		}
	}
	over(b.peakMB > 0 && r.peakMB > b.peakMB, "the heap grew by %.0f MB, %.0f are allowed", r.peakMB, b.peakMB)
	over(b.cpuSeconds > 0 && r.cpu > b.cpuSeconds, "it took %.1f s of CPU, %.1f are allowed", r.cpu, b.cpuSeconds)
	over(r.leftMB > b.leftMB, "%.0f MB of heap are left, %.0f are allowed", r.leftMB, b.leftMB)
	over(r.goroutines > b.goroutines, "%d goroutines are left, %d are allowed", r.goroutines, b.goroutines)
	over(r.files > b.files, "%d descriptors are left, %d are allowed", r.files, b.files)
	over(r.calls == 0, "the well-behaved client got no answer at all")
	over(r.unserved > 0, "the well-behaved client got no answer to %d calls", r.unserved)
	over(r.worst > slowest, "the well-behaved client waited for %v, %v are allowed", r.worst.Round(time.Millisecond), slowest)
}
