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

// attack is one kind of attack on a server.
type attack struct {
	name, what string
	server     setting
	mount      func(ctx context.Context, a *arena) error
	// after is how long the server may take to free what the attack left behind.
	after time.Duration
	bound bound
}

// bound limits the cost of an attack. 0 means no limit for peakMB and cpuSeconds, and the default for the others.
type bound struct {
	peakMB     float64 // most live heap during the attack, above that of the idle server
	cpuSeconds float64 // of the server, including the well-behaved client's share
	leftMB     float64 // live heap at the end, above that of the idle server; default 10
	// goroutines at the end, more than the idle server has. The default is 40, and 16 for each processor: the server
	// keeps some for the next clients.
	goroutines int
	files      int // descriptors at the end, more than the idle server has; default 5
}

// slowest is the limit for the well-behaved client's slowest call. It is long, because the attacker uses the
// same processors.
const slowest = 3 * time.Second

// arena is the server under attack and what the attacker did to it.
type arena struct {
	victim *process.Process
	place  place
	sent   atomic.Int64 // bytes sent by the attacker
	conns  atomic.Int64 // connections opened by the attacker
	notes  []string     // observations of the attack
	broken []string     // requirements that the server did not meet
}

// note adds an observation to the row of the attack.
func (a *arena) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// require records a failed requirement unless ok is true.
func (a *arena) require(ok bool, format string, args ...any) {
	if !ok {
		a.broken = append(a.broken, fmt.Sprintf(format, args...))
	}
}

// attacker is the address of all attackers. The well-behaved client uses another one.
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

// counted counts the bytes that are written.
type counted struct {
	net.Conn
	sent *atomic.Int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// ask sends a question to the server process and returns its answer.
func (a *arena) ask(q question) (state, error) {
	var s state
	err := a.victim.Ask(q, time.Minute, &s)
	return s, err
}

// row is the result of an attack.
type row struct {
	attack attack
	err    error // the attack itself failed
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

// carryOut runs an attack against a new server.
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
	if err := what.mount(ctx, a); err != nil {
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

// start starts the server and returns a func that stops it.
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

// settle waits until the server is within the bounds for the end, or the time for that is over.
func (a *arena) settle(ctx context.Context, rest state, what attack) (state, error) {
	b := what.bound.left()
	for end := time.Now().Add(what.after); ; {
		s, err := a.ask(question{Do: "settle"})
		over := s.Heap-rest.Heap > b.leftMB*megabyte || s.Goroutines-rest.Goroutines > b.goroutines ||
			s.Files-rest.Files > b.files
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

// left returns the bounds with the defaults filled in.
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

// judge compares the measurements with the bounds.
func (r *row) judge() {
	b := r.attack.bound.left()
	over := func(bad bool, format string, args ...any) {
		if bad {
			r.broken = append(r.broken, fmt.Sprintf(format, args...))
		}
	}
	over(b.peakMB > 0 && r.peakMB > b.peakMB, "the heap grew by %.0f MB, the limit is %.0f", r.peakMB, b.peakMB)
	over(b.cpuSeconds > 0 && r.cpu > b.cpuSeconds, "the server used %.1f s of CPU time, the limit is %.1f", r.cpu,
		b.cpuSeconds)
	over(r.leftMB > b.leftMB, "%.0f MB of heap were not freed, the limit is %.0f", r.leftMB, b.leftMB)
	over(r.goroutines > b.goroutines, "%d goroutines did not end, the limit is %d", r.goroutines, b.goroutines)
	over(r.files > b.files, "%d descriptors were not closed, the limit is %d", r.files, b.files)
	over(r.calls == 0, "the well-behaved client got no answer at all")
	over(r.unserved > 0, "the well-behaved client got no answer to %d calls", r.unserved)
	over(r.worst > slowest, "the well-behaved client waited for %v, the limit is %v", r.worst.Round(time.Millisecond),
		slowest)
}
