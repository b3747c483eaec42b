package chaos

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Verdict is what a History comes to.
type Verdict struct {
	Sent      int // messages that were handed over
	Delivered int // deliveries to Go nodes, a sender's own clients included
	Unsent    int // messages whose sender was told that they may not have been sent, and that nobody received
	Gaps      int // messages that one node missed, and reported in a GapError
	Drops     int // messages that one node missed, and reported in a DropError
	Excused   int // messages that one node missed that was closed or killed before it can have had them
	Calls     int // calls that had a time limit

	// Witness counts what the Node.js node missed, got twice or got in another order, of what Go nodes sent.
	Witness struct{ Delivered, Missed, Doubled, Reordered int }

	// Faults are what must not happen.
	Faults []Fault
}

// Fault is one thing that must not happen.
type Fault struct {
	Kind FaultKind
	Node string // whose, or "" for what is nobody's
	At   int64  // microseconds since 1970
	Text string
}

// FaultKind is a line in the table that Verdict prints.
type FaultKind string

const (
	// Silent: a node missed a message that was sent, and reported nothing for a long while around.
	Silent FaultKind = "silently lost"
	// Outside: a node missed a message that was sent, and its reports do not cover the time at which it was sent.
	Outside FaultKind = "outside the reported window"
	// Doubled: a node was given a message twice.
	Doubled FaultKind = "doubled"
	// Disordered: a node was given a message after a later one of the same sender and namespace.
	Disordered FaultKind = "out of order"
	// Corrupt: a message arrived with another body than it was sent with.
	Corrupt FaultKind = "corrupt"
	// Untrue: a node was told that a message was not sent, and it was; or that an answer is complete, and it was not.
	Untrue FaultKind = "untrue answers"
	// Late: a call returned later than its limit and Tolerance.
	Late FaultKind = "late calls"
	// Leak: a node left something behind after it was closed, or did not recover once all was well again.
	Leak FaultKind = "leaks"
	// Crash: a process ended by itself, or not as it should.
	Crash FaultKind = "crashes"
)

// FaultKinds are all kinds, in the order in which they are shown.
var FaultKinds = []FaultKind{Silent, Outside, Doubled, Disordered, Corrupt, Untrue, Late, Leak, Crash}

const (
	// Tolerance is how much later than its limit a call may return, beside the time for which its process did not run.
	Tolerance = 100_000
	// slack is how far the clocks of two processes on one machine may seem apart, in microseconds.
	slack = 20_000
	// around is how far from a message a report of a loss is looked for, only to name the fault.
	around = 60_000_000
	// horizon is after how long a message counts as lost to a node that was closed or killed later.
	horizon = 30_000_000
)

// Judge compares what was sent with what was received and reported. ended is when the run ended, with everything in order
// again and nothing under way.
func Judge(h *History, ended int64) *Verdict {
	j := &judge{History: h, Verdict: new(Verdict), ended: ended}
	j.evidence = make(map[Source]map[int]int64)
	for _, n := range h.Nodes {
		j.received(n)
	}
	for _, n := range h.Nodes {
		j.calls(n)
		j.rest(n)
	}
	for _, sender := range h.Nodes {
		for stream := range sender.Sent {
			j.stream(sender, stream)
		}
	}
	slices.SortFunc(j.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return j.Verdict
}

type judge struct {
	*History
	*Verdict
	ended    int64
	evidence map[Source]map[int]int64 // when another node than its sender first received a message
}

func (j *judge) fault(kind FaultKind, n *Node, at int64, format string, args ...any) {
	j.Faults = append(j.Faults, Fault{kind, n.Name, at, fmt.Sprintf(format, args...)})
}

// received looks at what one node was given: its order, and whether it is what was sent.
func (j *judge) received(n *Node) {
	for source, deliveries := range n.Got {
		if source.Node < 0 || source.Node >= len(j.Nodes) {
			j.fault(Corrupt, n, deliveries[0].At, "was given a message of a node that does not exist: %d", source.Node)
			continue
		}
		sender := j.Nodes[source.Node]
		first := j.evidence[source]
		if first == nil {
			first = make(map[int]int64)
			j.evidence[source] = first
		}
		seen, last := make(map[int]int64, len(deliveries)), 0
		for _, d := range deliveries {
			if at, known := first[d.Seq]; n != sender && (!known || d.At < at) {
				first[d.Seq] = d.At
			}
			message := fmt.Sprintf("message %d of stream %d of %s", d.Seq, source.Stream, sender.Name)
			before, again := seen[d.Seq]
			disordered := !again && d.Seq < last
			seen[d.Seq], last = d.At, max(last, d.Seq)
			if !n.Go {
				j.witness(sender, again, disordered)
				continue
			}
			j.Delivered++
			m, recorded := sender.Sent[source.Stream][d.Seq]
			switch {
			case d.Text != "":
				j.fault(Corrupt, n, d.At, "%s: %s", message, d.Text)
			case again:
				j.fault(Doubled, n, d.At, "%s (%s) came %s after it had come", message, m.Outcome, ms(d.At-before))
			case disordered && sender.Go:
				j.fault(Disordered, n, d.At, "%s (%s, sent %s before) came after message %d", message, m.Outcome, ms(d.At-m.Begin), last)
			case recorded && m.Outcome == Refused && n != sender:
				j.fault(Untrue, n, d.At, "%s was refused, and came all the same", message)
			case !recorded && !sender.Killed && sender.Go:
				j.fault(Corrupt, n, d.At, "%s was never sent", message)
			}
		}
	}
}

func (j *judge) witness(sender *Node, again, disordered bool) {
	if !sender.Go {
		return
	}
	w := &j.Verdict.Witness
	w.Delivered++
	if again {
		w.Doubled++
	}
	if disordered {
		w.Reordered++
	}
}

// calls looks for calls that returned late or told half of what they should.
func (j *judge) calls(n *Node) {
	ours := make(map[string]string)
	for _, n := range j.Nodes {
		for _, uid := range n.UIDs {
			if n.Go {
				ours[uid] = n.Name
			}
		}
	}
	for _, c := range n.Calls {
		j.Verdict.Calls++
		if late := c.At - c.Begin - c.Limit - Tolerance - n.noise(c.Begin, c.At); late > 0 {
			j.fault(Late, n, c.At, "%s, limited to %s, took %s, while the process did not run for %s: %.200s", c.Name, ms(c.Limit),
				ms(c.At-c.Begin), ms(n.noise(c.Begin, c.At)), c.Text)
		}
		for _, uid := range c.Lacks {
			if name, is := ours[uid]; is {
				j.fault(Untrue, n, c.At, "%s has no answer of %s (%s), and does not say so", c.Name, uid, name)
			}
		}
	}
}

// noise is for how long a process did not run between two times.
func (n *Node) noise(begin, end int64) (sum int64) {
	i, _ := slices.BinarySearchFunc(n.Noise, begin, func(e Event, t int64) int { return cmp.Compare(e.At, t) })
	for ; i < len(n.Noise) && n.Noise[i].At-n.Noise[i].Excess <= end; i++ {
		sum += min(n.Noise[i].At, end) - max(n.Noise[i].At-n.Noise[i].Excess, begin)
	}
	return sum
}

// rest looks at what nodes leave behind.
func (j *judge) rest(n *Node) {
	for _, leak := range n.Leaks {
		j.fault(Leak, n, min(n.Ended, j.ended), "%s", leak)
	}
	if n.Go && n.Deaf && n.Ended == math.MaxInt64 {
		j.fault(Leak, n, j.ended, "is still deaf although all has been well for a while")
	}
}

func ms(microseconds int64) string { return fmt.Sprintf("%.1f ms", float64(microseconds)/1000) }
