package logged

import (
	"os"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
)

// Event is a report of a node or of the clients, one line of JSON. Times are microseconds since 1970.
//
// A stream is a sequence of events of one sender to one target, numbered from 1. Its name is n or c, the number of the
// node or client, a dot, and the number of the target. Streams of clients have a further number: a client begins a new
// stream when it does not learn what became of an event, because a node that was paused may still send that event.
type Event struct {
	Kind string `json:"k"`
	At   int64  `json:"at"` // when the event happened or, for events with a duration, ended

	Stream  string  `json:"s,omitempty"`
	Seq     int     `json:"q,omitempty"`
	Begin   int64   `json:"b,omitempty"`
	Outcome Outcome `json:"o,omitempty"`
	Text    string  `json:"e,omitempty"` // the error, or another remark

	// Of nodes.
	Address string   `json:"addr,omitempty"`
	Filled  bool     `json:"filled,omitempty"`
	Leaks   []string `json:"leaks,omitempty"`

	// Of clients.
	Client    int            `json:"c,omitempty"` // from 1
	ID        string         `json:"id,omitempty"`
	Node      int            `json:"node,omitempty"`
	Recovered bool           `json:"r,omitempty"`    // Reported: it is connected
	Numbers   []int          `json:"list,omitempty"` // of other events of the stream
	Offset    string         `json:"off,omitempty"`  // the position of the event, as the client got it
	Last      map[string]int `json:"last,omitempty"` // the last number of each stream
	Count     int            `json:"n,omitempty"`    // how many events it has received
}

// The kinds of events.
const (
	Opened   = "open"    // a node accepts clients at Address
	Sent     = "sent"    // an event was sent from Begin to At
	Accepted = "accept"  // a client is connected to the node
	Gap      = "gap"     // a GapError: the node was deaf from Begin on; Filled: it has replayed all until At
	Drop     = "drop"    // a DropError
	Stopped  = "stopped" // it has stopped sending
	Closed   = "closed"  // it has closed; Leaks lists resources that it did not free
	Remarked = "log"
	Wrong    = "wrong" // a recovered socket has other rooms or data than before

	Ready        = "ready"   // the process of the clients runs
	Connected    = "conn"    // a client is connected; its transport was open since Begin
	Welcome      = "welcome" // Node has welcomed the client; from now on it receives what is sent
	Disconnected = "lost"    // a client has lost its connection
	Began        = "began"   // the first event of a stream in a session of a client
	Missing      = "miss"    // the events with Numbers have not come before this one
	Late         = "late"    // an event came after later ones, those with Numbers
	Doubled      = "double"  // an event came again
	Backwards    = "back"    // an event's position is not after that of the one before, which is in Text
	Unstamped    = "bare"    // an event had no position
	Disagreed    = "differ"  // two clients got different events with the same position; Text is the other event
	Reported     = "report"  // the answer to DoReport, one for each client
	Complete     = "all"     // the end of the answer
	Terminated   = "bye"     // all clients have disconnected
)

// Outcome is what a sender knows about an event.
type Outcome string

const (
	// OK: the event was acknowledged. It must reach all clients.
	OK Outcome = "ok"
	// Refused: the sender got an error. The event may reach clients that are connected.
	Refused Outcome = "refused"
	// Unknown: the sender does not know whether the event was sent.
	Unknown Outcome = "unknown"
)

// Order is a command for a process, one line of JSON.
type Order struct {
	Do    string `json:"do"`
	Count int    `json:"count,omitempty"`
}

// The commands.
const (
	DoStop   = "stop"   // stop sending, answer Stopped
	DoBurst  = "burst"  // a node sends Count events to an empty room without waiting
	DoReport = "report" // the clients answer with Reported and Complete
	DoClose  = "close"  // a node closes, answers Closed, and exits
	DoLeave  = "leave"  // the clients disconnect deliberately and answer Terminated
)

// recorder writes the events of a process.
type recorder struct{ *worker.Recorder }

func newRecorder() *recorder { return &recorder{worker.NewRecorder(os.Stdout)} }

// note writes an event. Its time is now if it has none.
func (r *recorder) note(e Event) {
	if e.At == 0 {
		e.At = now()
	}
	r.Note(e)
}

func now() int64 { return time.Now().UnixMicro() }
