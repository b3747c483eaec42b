// Package load is the load generator of bench/server: Socket.IO clients that cost far less than what a server does for them.
// One thread reads all connections through epoll into one buffer, walks the frames' headers and compares every message with
// the bytes that are due, so that nothing missing, doubled or changed goes unseen. It runs on Linux only.
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

// Command says what to do to a server.
type Command struct {
	Do       string   `json:"do"` // "fanout", "paced", "ack", "connect" or "idle"
	Addrs    []string `json:"addrs"`
	Polling  bool     `json:"polling"`
	Dialect  string   `json:"dialect"` // "" is Socket.IO's; "centrifuge", for "fanout" and "paced"
	Clients  int      `json:"clients"`
	InFlight int      `json:"inFlight"` // broadcasts or, while connecting, handshakes outstanding
	Rate     float64  `json:"rate"`     // broadcasts a second, for "paced"
	Size     int      `json:"size"`     // bytes of a message
	Warm     float64  `json:"warm"`     // seconds; connections for "connect" and "idle"
	Measure  float64  `json:"measure"`  // seconds
}

// The phases of a run.
const (
	Begin = "begin" // the server is warm, and what follows is measured
	End   = "end"   // measuring is over
	Done  = "done"  // what was outstanding has come, or is given up
)

// Reply tells of a phase. Figures come with End, what went wrong with Done.
type Reply struct {
	Phase   string  `json:"phase"`
	Error   string  `json:"error,omitempty"`
	Count   int     `json:"count,omitempty"`   // deliveries, acknowledgements or connections
	Seconds float64 `json:"seconds,omitempty"` // they took
	CPU     float64 `json:"cpu,omitempty"`     // seconds the load generator used
	P50     float64 `json:"p50,omitempty"`     // microseconds from sending to delivery
	P99     float64 `json:"p99,omitempty"`
	Each    float64 `json:"each,omitempty"` // messages to a read that brought any
	Missing int     `json:"missing,omitempty"`
	Doubled int     `json:"doubled,omitempty"`
}

// Run carries out the commands on in, one JSON object a line, and writes replies to out.
func Run(in io.Reader, out io.Writer) error {
	debug.SetGCPercent(400) // nothing is allocated for a message
	lines := bufio.NewScanner(in)
	var last *loop
	defer func() { last.close() }()
	for lines.Scan() {
		var c Command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		last.close() // the clients stay until the next command, so that the server can be looked at
		r := &run{Command: c, say: json.NewEncoder(out)}
		if err := r.do(); err != nil {
			_ = r.say.Encode(Reply{Phase: Done, Error: err.Error()})
		}
		last = r.loop
	}
	return lines.Err()
}

// run is one command being carried out.
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

// begin marks the beginning of what is measured.
func (r *run) begin() {
	r.start, r.cpu, r.reads = time.Now(), process.CPUSeconds(), r.loop.reads
	_ = r.say.Encode(Reply{Phase: Begin}) // whoever reads it is gone if this fails, and so are we soon
}

// end marks its end.
func (r *run) end(count int, reply Reply) {
	reply.Phase, reply.Count = End, count
	reply.Seconds, reply.CPU = time.Since(r.start).Seconds(), process.CPUSeconds()-r.cpu
	reply.Each = float64(count) / float64(max(1, r.loop.reads-r.reads))
	_ = r.say.Encode(reply)
}

// done says what is missing or came twice.
func (r *run) done(missing, doubled int) {
	_ = r.say.Encode(Reply{Phase: Done, Missing: missing, Doubled: doubled})
}

// rounds reads until enough() or the time is over.
func (r *run) rounds(limit time.Duration, enough func() bool) error {
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

// patience is how long what is outstanding may take.
const patience = 10 * time.Second

var errSlow = errors.New("the server does not answer")
