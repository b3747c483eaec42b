// Package load is the load generator of bench/server: Socket.IO clients that need far less CPU time than the server.
//
// One thread reads all connections with epoll into one buffer, parses the frame headers and compares every message
// with the expected bytes, so it notices messages that are missing, delivered twice or changed. It needs Linux.
//
// # Files
//
//   - load.go: the commands, replies and phases; the main loop
//   - loop.go: all connections of a run
//   - conn.go: one connection, its handshake and frames
//   - polling.go: the handshake over long-polling
//   - dialect.go: Socket.IO's and centrifuge's protocol
//   - broadcasts.go, acks.go, connects.go: the kinds of load
//   - epoll_linux.go, epoll_other.go: waiting, reading and writing
package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/backplane-go/backplane/bench/internal/process"
)

// Command describes the load.
type Command struct {
	Do       string   `json:"do"` // "fanout", "paced", "ack", "connect" or "idle"
	Addrs    []string `json:"addrs"`
	Polling  bool     `json:"polling"`
	Dialect  string   `json:"dialect"` // empty: Socket.IO; "centrifuge" supports "fanout" and "paced"
	Clients  int      `json:"clients"`
	InFlight int      `json:"inFlight"` // outstanding broadcasts, or handshakes while connecting
	Rate     float64  `json:"rate"`     // broadcasts per second, for "paced"
	Size     int      `json:"size"`     // bytes of a message
	Warm     float64  `json:"warm"`     // seconds that are not measured; for "connect" and "idle" connections
	Measure  float64  `json:"measure"`  // seconds
}

// The phases of a run.
const (
	Begin = "begin" // the measured part begins
	End   = "end"   // the measured part has ended
	Done  = "done"  // outstanding messages have arrived or timed out
)

// Reply reports a phase. End comes with the figures, Done with the numbers of missing and doubled messages.
type Reply struct {
	Phase   string  `json:"phase"`
	Error   string  `json:"error,omitempty"`
	Count   int     `json:"count,omitempty"`   // deliveries, acknowledgements or connections
	Seconds float64 `json:"seconds,omitempty"` // length of the measured part
	CPU     float64 `json:"cpu,omitempty"`     // seconds that the load generator used
	P50     float64 `json:"p50,omitempty"`     // microseconds from trigger to delivery
	P99     float64 `json:"p99,omitempty"`
	Each    float64 `json:"each,omitempty"` // messages per read that returned data
	Missing int     `json:"missing,omitempty"`
	Doubled int     `json:"doubled,omitempty"`
}

// Run executes the commands on in, one JSON object per line, and writes replies to out.
func Run(in io.Reader, out io.Writer) error {
	debug.SetGCPercent(400) // messages allocate nothing
	lines := bufio.NewScanner(in)
	var last *loop
	defer func() { last.close() }()
	for lines.Scan() {
		var c Command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		last.close() // clients stay connected until the next command, so that the server can be measured
		r := &run{Command: c, say: json.NewEncoder(out)}
		if err := r.do(); err != nil {
			_ = r.say.Encode(Reply{Phase: Done, Error: err.Error()})
		}
		last = r.loop
	}
	return lines.Err()
}

// run is the execution of one command.
type run struct {
	Command
	say   *json.Encoder
	loop  *loop
	start time.Time
	cpu   float64
	reads int
}

func (r *run) do() (err error) {
	if r.loop, err = newLoop(r.Addrs, r.Polling, r.Dialect); err != nil {
		return err
	}
	switch r.Do {
	case "fanout", "paced":
		return r.broadcasts()
	case "ack":
		return r.acks()
	case "connect", "idle":
		return r.connects()
	}
	return fmt.Errorf("unknown command %q", r.Do)
}

// begin begins the measured part.
func (r *run) begin() {
	r.start, r.cpu, r.reads = time.Now(), process.CPUSeconds(), r.loop.reads
	_ = r.say.Encode(Reply{Phase: Begin}) // fails only if the coordinator has ended, which ends this process too
}

// end ends the measured part.
func (r *run) end(count int, reply Reply) {
	reply.Phase, reply.Count = End, count
	reply.Seconds, reply.CPU = time.Since(r.start).Seconds(), process.CPUSeconds()-r.cpu
	reply.Each = float64(count) / float64(max(1, r.loop.reads-r.reads))
	_ = r.say.Encode(reply)
}

// done reports the numbers of missing and doubled messages.
func (r *run) done(missing, doubled int) {
	_ = r.say.Encode(Reply{Phase: Done, Missing: missing, Doubled: doubled})
}

// readUntil reads until enough returns true or the time is over.
func (r *run) readUntil(limit time.Duration, enough func() bool) error {
	for end := time.Now().Add(limit); !enough(); {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := r.loop.round(left); err != nil {
			return err
		}
	}
	return nil
}

func never() bool { return false }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// patience is the limit of each wait for outstanding messages.
const patience = 10 * time.Second

var errSlow = errors.New("the server does not answer")
