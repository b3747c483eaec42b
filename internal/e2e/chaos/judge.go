package chaos

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Verdict is the judgement of a History.
type Verdict struct {
	Sent      int // messages that were sent
	Delivered int // deliveries to Go nodes, including those to the sender's own clients
	Unsent    int // messages that nobody received and whose sender got an error
	Gaps      int // messages that a node missed and reported in a GapError
	Drops     int // messages that a node missed and reported in a DropError
	Excused   int // messages that a node missed because it was closed or killed before they could arrive
	Calls     int // calls with a time limit

	// Witness counts the messages of Go nodes that the Node.js node missed, received twice or received out of order.
	Witness struct{ Delivered, Missed, Doubled, Reordered int }

	// Violations are the broken promises.
	Violations []Violation
}

// Violation is a broken promise.
type Violation struct {
	Kind ViolationKind
	Node string // empty: no single node
	At   int64  // microseconds since 1970
	Text string
}

// ViolationKind is a kind of violation, a line in the table that Print writes.
type ViolationKind string

const (
	// Silent: a node missed a message that was sent and reported no loss around that time.
	Silent ViolationKind = "silently lost"
	// Outside: a node missed a message that was sent, and its reports do not cover the time of sending.
	Outside ViolationKind = "outside the reported window"
	// Doubled: a node received a message twice.
	Doubled ViolationKind = "doubled"
	// Disordered: a node received a message after a later one of the same sender and namespace.
	Disordered ViolationKind = "out of order"
	// Corrupt: a message arrived with a different body.
	Corrupt ViolationKind = "corrupt"
	// Untrue: a call reported that a message was not sent although it was, or that a result was complete
	// although it was not.
	Untrue ViolationKind = "untrue answers"
	// Late: a call returned later than its limit plus History.Tolerance.
	Late ViolationKind = "late calls"
	// Leak: a node left something behind after it was closed, or did not recover after the faults were over.
	Leak ViolationKind = "leaks"
	// Crash: a process ended unexpectedly or with an error.
	Crash ViolationKind = "crashes"
)

// ViolationKinds are all kinds, in the order in which they are printed.
var ViolationKinds = []ViolationKind{Silent, Outside, Doubled, Disordered, Corrupt, Untrue, Late, Leak, Crash}

const (
	// tolerance is History.Tolerance if it is not set.
	tolerance = 100_000
	// slack is the maximum difference between the clocks of two processes on one machine, in microseconds.
	slack = 20_000
	// around is the maximum time between a message and a report of a loss for which a missed message counts as
	// Outside instead of Silent.
	around = 60_000_000
	// horizon is how long before its end a node may miss messages without a violation if it was closed or killed.
	horizon = 30_000_000
)

// Judge compares the messages that were sent with those that were received and reported. ended is when the run ended:
// all faults were over and all calls had returned.
func Judge(h *History, ended int64) *Verdict {
	j := &judge{History: h, Verdict: new(Verdict), ended: ended}
	j.evidence = make(map[Source]map[int]int64)
	for _, n := range h.Nodes {
		j.received(n)
	}
	for _, n := range h.Nodes {
		j.calls(n)
		j.leftovers(n)
	}
	for _, sender := range h.Nodes {
		for stream := range sender.Sent {
			j.stream(sender, stream)
		}
	}
	slices.SortFunc(j.Violations, func(a, b Violation) int { return cmp.Compare(a.At, b.At) })
	return j.Verdict
}

type judge struct {
	*History
	*Verdict
	ended    int64
	evidence map[Source]map[int]int64 // when a node other than its sender first received the message
}

func (j *judge) violation(kind ViolationKind, n *Node, at int64, format string, args ...any) {
	j.Violations = append(j.Violations, Violation{kind, n.Name, at, fmt.Sprintf(format, args...)})
}

// received checks the order and the contents of the messages that a node received.
func (j *judge) received(n *Node) {
	for source, deliveries := range n.Got {
		if source.Node < 0 || source.Node >= len(j.Nodes) {
			j.violation(Corrupt, n, deliveries[0].At, "received a message of an unknown node: %d", source.Node)
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
				j.violation(Corrupt, n, d.At, "%s: %s", message, d.Text)
			case again:
				j.violation(Doubled, n, d.At, "%s (%s) was received again after %s", message, m.Outcome,
					ms(d.At-before))
			case disordered && sender.Go:
				j.violation(Disordered, n, d.At, "%s (%s, sent %s before) was received after message %d", message,
					m.Outcome, ms(d.At-m.Begin), last)
			case recorded && m.Outcome == Refused && n != sender:
				j.violation(Untrue, n, d.At, "%s was refused, but was received", message)
			case !recorded && !sender.Killed && sender.Go:
				j.violation(Corrupt, n, d.At, "%s was never sent", message)
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

// calls finds calls that returned late or whose results were incomplete without an error.
func (j *judge) calls(n *Node) {
	ours := make(map[string]string)
	for _, n := range j.Nodes {
		for _, uid := range n.UIDs {
			if n.Go {
				ours[uid] = n.Name
			}
		}
	}
	tolerance := cmp.Or(j.Tolerance, tolerance)
	for _, c := range n.Calls {
		j.Verdict.Calls++
		if late := c.At - c.Begin - c.Limit - tolerance - n.noise(c.Begin, c.At); late > 0 {
			j.violation(Late, n, c.At, "%s with limit %s took %s, during which the process did not run for %s: %.200s",
				c.Name, ms(c.Limit),
				ms(c.At-c.Begin), ms(n.noise(c.Begin, c.At)), c.Text)
		}
		for _, uid := range c.Lacks {
			if name, is := ours[uid]; is {
				j.violation(Untrue, n, c.At, "%s lacks the answer of %s (%s) and returned no error about it", c.Name,
					uid, name)
			}
		}
	}
}

// noise returns for how long a process did not run between two times.
func (n *Node) noise(begin, end int64) (sum int64) {
	i, _ := slices.BinarySearchFunc(n.Noise, begin, func(e Event, t int64) int { return cmp.Compare(e.At, t) })
	for ; i < len(n.Noise) && n.Noise[i].At-n.Noise[i].Excess <= end; i++ {
		sum += min(n.Noise[i].At, end) - max(n.Noise[i].At-n.Noise[i].Excess, begin)
	}
	return sum
}

// leftovers finds leaks.
func (j *judge) leftovers(n *Node) {
	for _, leak := range n.Leaks {
		j.violation(Leak, n, min(n.Ended, j.ended), "%s", leak)
	}
	if n.Go && n.Deaf && n.Ended == math.MaxInt64 {
		j.violation(Leak, n, j.ended, "is still deaf although all faults are over")
	}
}

func ms(microseconds int64) string { return fmt.Sprintf("%.1f ms", float64(microseconds)/1000) }
