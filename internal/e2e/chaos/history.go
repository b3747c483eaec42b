package chaos

import "math"

// History holds the events of all nodes.
type History struct {
	Nodes []*Node // by their number
	// Tolerance is how many microseconds later than its limit a call may return, in addition to the time for which its
	// process did not run. 0: 100 ms.
	Tolerance int64
}

// Node holds the events of one process. A restarted process is another node.
type Node struct {
	Number int
	Name   string            // such as "a (pgx)"
	Go     bool              // a node of this library
	UIDs   map[string]string // by namespace
	Peers  map[string]string // their uids, from the last report

	Opened int64 // 0: never
	Ended  int64 // math.MaxInt64 while it is running
	Killed bool  // it ended without closing

	Sent    map[int]map[int]Message // by stream and sequence number
	Got     map[Source][]Delivery   // in order of arrival
	Gaps    []Event
	Drops   []Event
	Failed  []Event
	Noise   []Event
	Calls   []Event
	Deaf    bool // the listening session was lost and not recovered
	Leaks   []string
	Remarks []Event
}

// Source is the origin of a message.
type Source struct{ Node, Stream int }

// Message is what the sender reported about a message.
type Message struct {
	Begin, End int64
	Outcome    Outcome
}

// Delivery is a message that the application of a node received.
type Delivery struct {
	Seq  int
	At   int64
	Text string // what is wrong with its body, empty if nothing is
}

// Add adds a running node.
func (h *History) Add(name string, isGo bool) *Node {
	n := &Node{Number: len(h.Nodes), Name: name, Go: isGo, Ended: math.MaxInt64,
		Sent: make(map[int]map[int]Message), Got: make(map[Source][]Delivery)}
	h.Nodes = append(h.Nodes, n)
	return n
}

// Note adds an event of the node.
func (n *Node) Note(e Event) {
	switch e.Kind {
	case Opened:
		n.Opened, n.UIDs = e.At, e.UIDs
	case Sent:
		if n.Sent[e.Stream] == nil {
			n.Sent[e.Stream] = make(map[int]Message)
		}
		n.Sent[e.Stream][e.Seq] = Message{Begin: e.Begin, End: e.At, Outcome: e.Outcome}
		if e.Limit > 0 {
			n.Calls = append(n.Calls, e)
		}
	case Got:
		source := Source{e.From, e.Stream}
		n.Got[source] = append(n.Got[source], Delivery{Seq: e.Seq, At: e.At, Text: e.Text})
	case Gap:
		n.Gaps = append(n.Gaps, e)
		n.Deaf = false
	case Drop:
		n.Drops = append(n.Drops, e)
	case Failed:
		n.Failed = append(n.Failed, e)
	case Deaf:
		n.Deaf = true
	case Noise:
		n.Noise = append(n.Noise, e)
	case Call:
		n.Calls = append(n.Calls, e)
	case Peers:
		n.Peers = e.UIDs
	case Stopped:
		n.Leaks = append(n.Leaks, e.Leaks...)
	case Closed:
		n.Leaks = append(n.Leaks, e.Leaks...)
		n.Ended = e.Begin
	default:
		n.Remarks = append(n.Remarks, e)
	}
}
