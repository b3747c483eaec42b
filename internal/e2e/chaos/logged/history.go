package logged

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// History is what all processes have reported.
type History struct {
	Nodes   []*Node // by number, from 1: Nodes[0] is nil
	Clients []*Client
	Streams map[string]*Stream
	Trouble []Trouble
	Stored  []Stored // in the order of time
	Wrong   []Event
}

// Node is what a node has reported. A restarted process is another node.
type Node struct {
	Name    string // such as "a (pgx) #3"
	Place   int
	Opened  int64   // 0: never
	Ended   int64   // math.MaxInt64 while it runs
	Killed  bool    // it ended without closing
	Clients []Event // Accepted
	Gaps    []Event
	Drops   int
	Leaks   []string
	Remarks []Event
}

// Client is what a client has reported.
type Client struct {
	Connects  []Connect
	Anomalies []Event // Missing, Late, Doubled, Backwards, Unstamped, Disagreed
	Began     []Event
	Last      map[string]int // of the last session, from the last report
	Received  int
	Present   bool // it was connected when it reported last
}

// Connect is a connection of a client, with the events of its life.
type Connect struct {
	Open      int64 // when the transport was open
	At        int64 // when the client was connected
	Welcomed  int64 // 0: never
	Node      int
	Recovered bool
	ID        string
	Text      string // what is wrong with it
	Lost      int64  // math.MaxInt64 while it lasts
	Reason    string
}

// Stream holds the events of one sender to one target, by their number minus 1.
type Stream struct {
	Target int
	Sent   []Message
}

// Message is what the sender reported about an event. The zero value is an event whose sender ended without a report.
type Message struct {
	Begin, End int64
	Outcome    Outcome
}

// Trouble is a time in which a fault had an effect on the server, or on the node at a place.
type Trouble struct {
	Name     string
	Place    int // -1: the server
	From, To int64
	Crash    bool // the server lost its unlogged tables
	Epoch    bool // the server began a new epoch
}

func newHistory(clients int) *History {
	h := &History{Nodes: []*Node{nil}, Streams: make(map[string]*Stream)}
	for range clients {
		h.Clients = append(h.Clients, &Client{})
	}
	return h
}

// noteNode adds an event of a node.
func (h *History) noteNode(n *Node, e Event) {
	switch e.Kind {
	case Opened:
		n.Opened = e.At
	case Sent:
		h.sent(e)
	case Accepted:
		n.Clients = append(n.Clients, e)
	case Gap:
		n.Gaps = append(n.Gaps, e)
	case Drop:
		n.Drops++
	case Stopped:
	case Closed:
		n.Leaks = append(n.Leaks, e.Leaks...)
		n.Ended = e.Begin
	case Wrong:
		h.Wrong = append(h.Wrong, e)
	default:
		n.Remarks = append(n.Remarks, e)
	}
}

// noteClient adds an event of a client.
func (h *History) noteClient(e Event) {
	if e.Kind == Sent {
		h.sent(e)
		return
	}
	if e.Client < 1 || e.Client > len(h.Clients) {
		return
	}
	c := h.Clients[e.Client-1]
	last := &Connect{}
	if len(c.Connects) > 0 {
		last = &c.Connects[len(c.Connects)-1]
	}
	switch e.Kind {
	case Connected:
		c.Connects = append(c.Connects, Connect{Open: e.Begin, At: e.At, Recovered: e.Recovered, ID: e.ID, Text: e.Text,
			Lost: math.MaxInt64})
	case Welcome:
		last.Welcomed, last.Node = e.At, e.Node
	case Disconnected:
		last.Lost, last.Reason = e.At, e.Text
	case Began:
		c.Began = append(c.Began, e)
	case Missing, Late, Doubled, Backwards, Unstamped, Disagreed:
		c.Anomalies = append(c.Anomalies, e)
	case Reported:
		c.Last, c.Received, c.Present = e.Last, e.Count, e.Recovered
	}
}

func (h *History) sent(e Event) {
	s := h.Streams[e.Stream]
	if s == nil {
		parts := strings.Split(e.Stream, ".")
		target, _ := strconv.Atoi(parts[1]) // our own names
		s = &Stream{Target: target}
		h.Streams[e.Stream] = s
	}
	for len(s.Sent) < e.Seq {
		s.Sent = append(s.Sent, Message{Outcome: Unknown})
	}
	s.Sent[e.Seq-1] = Message{Begin: e.Begin, End: e.At, Outcome: e.Outcome}
}

// find returns what the sender reported about an event.
func (h *History) find(stream string, seq int) Message {
	if s := h.Streams[stream]; s != nil && seq >= 1 && seq <= len(s.Sent) {
		return s.Sent[seq-1]
	}
	return Message{Outcome: Unknown}
}

// hears reports whether a client is in the target of a stream.
func hears(client, target, rooms int) bool {
	return target >= rooms || slices.Contains(roomsOf(client, rooms), target)
}
