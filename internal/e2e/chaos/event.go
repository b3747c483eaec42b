package chaos

import (
	"os"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
)

// Event is a report of a node, one line of JSON. Times are microseconds since 1970.
type Event struct {
	Kind string `json:"k"`
	At   int64  `json:"at"` // when the event happened or, for events with a duration, ended

	// The message, for events about messages.
	From   int `json:"f,omitempty"` // the sending node's number
	Stream int `json:"s,omitempty"`
	Seq    int `json:"q,omitempty"` // from 1

	// The call, for events about calls: when it began, its time limit (0: none), and its outcome.
	Name    string  `json:"n,omitempty"`
	Begin   int64   `json:"b,omitempty"`
	Limit   int64   `json:"l,omitempty"` // microseconds
	Outcome Outcome `json:"o,omitempty"`
	Text    string  `json:"e,omitempty"` // the error, or another remark

	// For the other events.
	Since  int64             `json:"since,omitempty"`
	Excess int64             `json:"x,omitempty"` // microseconds
	UID    string            `json:"u,omitempty"`
	UIDs   map[string]string `json:"uids,omitempty"` // the node's own, by namespace; or those of its peers
	Lacks  []string          `json:"lacks,omitempty"`
	Leaks  []string          `json:"leaks,omitempty"`
}

// The kinds of events.
const (
	Opened   = "open"    // the node receives messages that are sent from now on
	Sent     = "sent"    // a message was sent or refused
	Got      = "got"     // a message was delivered; Text says what is wrong with its body
	Gap      = "gap"     // a GapError: messages sent between Since and At may be missing
	Drop     = "drop"    // a DropError for a message of UID; Name is the reason
	Failed   = "op"      // an OpError: an asynchronous message of Stream may not have been sent
	Deaf     = "deaf"    // the session was lost
	Noise    = "noise"   // the process did not run for Excess microseconds until At
	Call     = "call"    // a call with a time limit ended; Lacks are nodes that are missing from its result
	Closed   = "closed"  // the node has closed; Leaks lists resources that it did not free
	Stopped  = "stopped" // the node has stopped sending; Leaks lists resources that it has more of than at the start
	Peers    = "peers"   // the node's peers in the first namespace, the keys of UIDs
	Fenced   = "fenced"  // the last message of each stream was sent
	Remarked = "log"
)

// Outcome is what a call that sends returned about the message.
type Outcome string

const (
	// OK: the message was published.
	OK Outcome = "ok"
	// Queued: the message will be published; an error is reported later.
	Queued Outcome = "queued"
	// Refused: the message was not published and never will be.
	Refused Outcome = "refused"
	// Unknown: an error, and the message may or may not have been published.
	Unknown Outcome = "unknown"
)

// Order is a command for a node, one line of JSON.
type Order struct {
	Do    string `json:"do"`
	Count int    `json:"count,omitempty"`
	For   int64  `json:"for,omitempty"` // microseconds
}

// The commands for nodes.
const (
	DoStop  = "stop"  // stop sending, answer Stopped
	DoFence = "fence" // send one more message in each stream, answer Fenced
	DoPeers = "peers" // answer Peers
	DoClose = "close" // close, answer Closed, and exit
	DoBurn  = "burn"  // keep Count goroutines busy for a while
	DoSlow  = "slow"  // delay each delivery for a while
	DoBurst = "burst" // send Count small messages in each stream without waiting
	DoHeap  = "heap"  // send Count messages that are too large for a notification, without waiting
)

// recorder writes a node's events.
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

// Clock returns the time of day of an event.
func Clock(microseconds int64) string { return time.UnixMicro(microseconds).Format("15:04:05.000") }
