package chaos

// Event is one line that a node writes: something that has happened to it. Times are microseconds since 1970.
type Event struct {
	Kind string `json:"k"`
	At   int64  `json:"at"` // when it happened, or ended

	// Of a message: which it is.
	From   int `json:"f,omitempty"` // the sending node's number
	Stream int `json:"s,omitempty"`
	Seq    int `json:"q,omitempty"` // from 1 on

	// Of a call: when it began, how long it was allowed to take (0: without limit), and how it ended.
	Name    string  `json:"n,omitempty"`
	Begin   int64   `json:"b,omitempty"`
	Limit   int64   `json:"l,omitempty"` // microseconds
	Outcome Outcome `json:"o,omitempty"`
	Text    string  `json:"e,omitempty"` // the error, or what else there is to say

	// Of reports and others.
	Since  int64             `json:"since,omitempty"`
	Excess int64             `json:"x,omitempty"` // microseconds
	UID    string            `json:"u,omitempty"`
	UIDs   map[string]string `json:"uids,omitempty"` // of the node, by namespace; of its peers
	Lacks  []string          `json:"lacks,omitempty"`
	Leaks  []string          `json:"leaks,omitempty"`
}

// The kinds of events.
const (
	Opened   = "open"    // the node hears what is sent from now on
	Sent     = "sent"    // a message was handed over, or refused
	Got      = "got"     // a message was delivered; Text says what is wrong with its body, if anything is
	Gap      = "gap"     // a GapError: messages may be missing that were sent between Since and At
	Drop     = "drop"    // a DropError, of a message of UID, for the reason Name
	Failed   = "op"      // an OpError: one message of Stream that nobody waits for was perhaps not sent
	Deaf     = "deaf"    // the session was lost
	Noise    = "noise"   // the process did not run for Excess, which ended at At
	Call     = "call"    // a call with a time limit ended; Lacks are nodes that it should have named and did not
	Closed   = "closed"  // the node has closed; Leaks is what it left behind
	Stopped  = "stopped" // the node sends nothing any more; Leaks is what it has more of than in the beginning
	Peers    = "peers"   // whom the node knows in the first namespace: UIDs has them as keys
	Fenced   = "fenced"  // the node's last message of each stream was sent
	Remarked = "log"
)

// Outcome is what a call that sends has said of the message.
type Outcome string

const (
	// OK: it was published.
	OK Outcome = "ok"
	// Queued: it will be published; an error is reported later.
	Queued Outcome = "queued"
	// Refused: it was not published, and never will be.
	Refused Outcome = "refused"
	// Unknown: there was an error, and nobody knows whether it was published.
	Unknown Outcome = "unknown"
)

// Order is one line that a node is told.
type Order struct {
	Do    string `json:"do"`
	Count int    `json:"count,omitempty"`
	For   int64  `json:"for,omitempty"` // microseconds
}

// What nodes are told to do.
const (
	DoStop  = "stop"  // send nothing more, answer Stopped
	DoFence = "fence" // send one message more in each stream, answer Fenced
	DoPeers = "peers" // answer Peers
	DoClose = "close" // close, answer Closed, and exit
	DoBurn  = "burn"  // keep Count goroutines computing for a while
	DoSlow  = "slow"  // let the application take its time over each message for a while
	DoBurst = "burst" // send Count small messages in each stream without waiting
	DoHeap  = "heap"  // send Count messages that are too large for a notification, likewise
)
