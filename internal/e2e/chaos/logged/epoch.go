package logged

import (
	"github.com/backplane-go/backplane/internal/e2e/chaos"
)

// This file judges what became of events when the server began a new epoch, because it may have lost some.

// reporting is how long after the begin of a new epoch a node may take to report a gap. A node that is killed before
// does not report it.
const reporting = 10_000_000

// lose judges an acknowledged event that a client has missed in a session. That is right only if the server has begun
// a new epoch, the node of the client has reported a gap with the event in it, and the client was not recovered
// afterwards.
func (j *judge) lose(number int, c *Client, m Message, at int64, format string, args ...any) {
	switch {
	case !j.forgotten(number, m):
		j.violation(Lost, clientName(number), at, format, args...)
	case j.recoveredAfter(number, c, m.End):
		j.violation(Untrue, clientName(number), at, format, args...)
	default:
		j.Forgotten++
	}
}

// forgotten reports whether a node has reported that its client may have missed an event that the log does not have any
// more.
func (j *judge) forgotten(client int, m Message) bool {
	n, _ := j.accepted(client, m.End)
	for _, g := range n.Gaps {
		if !g.Filled && g.Begin-slack <= m.End && m.Begin <= g.At+slack && j.newEpoch(g.Begin, g.At) {
			return true
		}
	}
	return n.Killed && j.newEpoch(m.Begin, m.End) && j.newEpoch(n.Ended-reporting, n.Ended)
}

// newEpoch reports whether the server began a new epoch at some time from begin to end.
func (j *judge) newEpoch(begin, end int64) bool {
	for _, t := range j.Trouble {
		if t.Epoch && t.From <= end && t.To >= begin {
			return true
		}
	}
	return false
}

// accepted returns the node that was the last one to accept a client until a time, and when it did so.
func (j *judge) accepted(client int, until int64) (n *Node, at int64) {
	n = &Node{}
	for _, node := range j.Nodes[1:] {
		for _, e := range node.Clients {
			if e.Client == client && e.At <= until && e.At > at {
				n, at = node, e.At
			}
		}
	}
	return n, at
}

// recoveredAfter reports whether a node has recovered a client after a time. The client may learn that much later.
func (j *judge) recoveredAfter(number int, c *Client, at int64) bool {
	for _, connect := range c.Connects {
		if connect.At <= at {
			continue
		}
		if !connect.Recovered {
			break
		}
		if _, accepted := j.accepted(number, connect.At+slack); accepted > at {
			return true
		}
	}
	return false
}

// stored counts the acknowledged events that the server had lost each time when it had ended.
func (j *judge) stored() {
	begin := int64(0)
	for _, at := range j.Stored {
		for name, s := range j.Streams {
			for i, m := range s.Sent {
				if m.Outcome == OK && m.Begin > begin && m.End < at.Until && !at.Events[name][i+1] {
					j.ServerLost++
				}
			}
		}
		begin = at.Until
		for _, t := range j.Trouble { // what was sent before its end may belong to the epoch before
			if t.Epoch && t.From <= at.Until && t.To > begin {
				begin = t.To
			}
		}
	}
}

// Untrue: a client was recovered although it had missed an event.
const Untrue chaos.ViolationKind = "recovered untruly"
