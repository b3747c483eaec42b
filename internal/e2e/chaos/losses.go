package chaos

import (
	"cmp"
	"math"
	"slices"
)

// stream finds the messages of one stream that nodes missed, and whether the losses were reported.
func (j *judge) stream(sender *Node, stream int) {
	sent := j.timeline(sender, stream)
	j.Sent += len(sent)
	j.unsent(sender, stream, sent)
	for _, n := range j.Nodes {
		if n.Opened > 0 && n.Hears(stream) {
			j.missed(n, sender, stream, sent)
		}
	}
}

// Hears reports whether a node takes part in the namespace of a stream.
func (n *Node) Hears(stream int) bool { return n.Go || stream == 0 }

// sighting is a message with what is known about its publishing.
type sighting struct {
	Message
	seq      int
	seen     bool  // another node received it, so it was published
	until    int64 // the latest time at which it may have been published
	required bool  // it was published, or its sender got no error
}

// timeline returns the messages of a stream in order. A node publishes in order, so the outcome of an
// asynchronous message is known once a later message of the node, sent by a call that waited, has been
// published.
func (j *judge) timeline(sender *Node, stream int) []sighting {
	seen := j.evidence[Source{sender.Number, stream}]
	sent := make([]sighting, 0, len(sender.Sent[stream]))
	for seq, m := range sender.Sent[stream] {
		at, is := seen[seq]
		s := sighting{Message: m, seq: seq, seen: is, until: math.MaxInt64}
		if is {
			s.until = at
		}
		sent = append(sent, s)
	}
	slices.SortFunc(sent, func(a, b sighting) int { return cmp.Compare(a.seq, b.seq) })
	for i, settled := 0, sender.settled(); i < len(sent); i++ {
		m := &sent[i]
		if m.Outcome == OK {
			m.until = min(m.until, m.End)
		} else if later, _ := slices.BinarySearchFunc(settled, m.End, beginsFrom); later < len(settled) {
			m.until = min(m.until, settled[later].End)
		}
		m.required = m.seen || m.Outcome == OK || m.Outcome == Queued && sender.Go
	}
	return sent
}

// settled returns the messages of a node that were certainly published, in the order in which they were sent.
// The End of each is the earliest time at which it, or a later message, was known to be published.
func (n *Node) settled() []Message {
	var all []Message
	for _, stream := range n.Sent {
		for _, m := range stream {
			if m.Outcome == OK {
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, func(a, b Message) int { return cmp.Compare(a.Begin, b.Begin) })
	for i := len(all) - 2; i >= 0; i-- {
		all[i].End = min(all[i].End, all[i+1].End)
	}
	return all
}

func beginsFrom(m Message, at int64) int { return cmp.Compare(m.Begin, at) }

// unsent finds the messages that nobody received and whose sender got an error, from the call or reported later.
func (j *judge) unsent(sender *Node, stream int, sent []sighting) {
	var open []claim
	for i := range sent {
		switch m := &sent[i]; {
		case !m.required:
			j.Unsent++
		case m.Outcome == Queued && !m.seen && j.unexplained(sender, m):
			open = append(open, claim{message: m, from: m.Begin, to: m.until})
		}
	}
	reports := slices.DeleteFunc(slices.Clone(sender.Failed), func(e Event) bool { return e.Stream != stream })
	for _, c := range match(open, reports) {
		c.message.required = false
		j.Unsent++
	}
}

// unexplained reports whether a node missed the message without reporting that it was deaf.
func (j *judge) unexplained(sender *Node, m *sighting) bool {
	return slices.ContainsFunc(j.Nodes, func(n *Node) bool {
		return n != sender && n.Go && n.Opened > 0 && n.Opened < m.Begin && m.Begin < n.Ended && !n.reportsGap(m)
	})
}

// missed finds the messages that a node should have received and did not.
func (j *judge) missed(n, sender *Node, stream int, sent []sighting) {
	got := n.Got[Source{sender.Number, stream}]
	at := make(map[int]int64, len(got))
	last := 0
	for _, d := range got {
		at[d.Seq] = d.At
		last = max(last, d.Seq)
	}
	var open []claim
	next := int64(math.MaxInt64) // when the next received message arrived
	for i := len(sent) - 1; i >= 0; i-- {
		m := &sent[i]
		if t, came := at[m.seq]; came {
			next = t
			continue
		}
		switch {
		case m.Begin <= n.Opened || m.Begin >= n.Ended:
		case n == sender: // a node always delivers to its own clients
			if sender.Go && !sender.Killed {
				j.violation(Silent, n, m.Begin, "its own message %d of stream %d (%s)", m.seq, stream, m.Outcome)
			}
		case !m.required:
		case !n.Go:
			if sender.Go {
				j.Verdict.Witness.Missed++
			}
		case n.reportsGap(m):
			j.Gaps++
		default:
			open = append(open, claim{message: m, from: m.Begin, to: next, last: m.seq > last})
		}
	}
	for _, c := range match(open, n.dropsOf(sender)) {
		c.matched = true
		j.Drops++
	}
	for _, c := range open {
		switch {
		case c.matched:
		case c.last && n.Ended != math.MaxInt64 && (n.Deaf || c.message.begins()+horizon > n.Ended):
			j.Excused++
		default:
			j.lost(n, sender, stream, c.message)
		}
	}
}

func (m *sighting) begins() int64 {
	if m.until == math.MaxInt64 {
		return m.Begin
	}
	return max(m.Begin, m.until)
}

// reportsGap reports whether the message may have been published during a gap that n reported.
func (n *Node) reportsGap(m *sighting) bool {
	return slices.ContainsFunc(n.Gaps, func(g Event) bool { return m.until >= g.Since-slack && m.Begin <= g.At+slack })
}

// dropsOf returns the drops that n reported for messages of a sender or of an unknown sender.
func (n *Node) dropsOf(sender *Node) (drops []Event) {
	for _, d := range n.Drops {
		if d.UID == "" {
			drops = append(drops, d)
			continue
		}
		for _, uid := range sender.UIDs {
			if d.UID == uid {
				drops = append(drops, d)
				break
			}
		}
	}
	return drops
}

// lost adds a violation for a message that n missed and did not report.
func (j *judge) lost(n, sender *Node, stream int, m *sighting) {
	kind, nearest := Silent, int64(around)
	var near string
	for _, g := range n.Gaps {
		distance := max(g.Since-m.begins(), m.Begin-g.At, 0)
		if distance <= nearest {
			kind, nearest = Outside, distance
			near = "; the nearest report covers " + Clock(g.Since) + " to " + Clock(g.At) + ", which is " +
				ms(distance) + " off: " + g.Text
		}
	}
	j.violation(kind, n, m.Begin, "message %d of stream %d of %s, %s, sent at %s, published by %s%s", m.seq, stream,
		sender.Name,
		m.Outcome, Clock(m.Begin), Clock(m.until), near)
}

// claim is a message that a report between two times must explain.
type claim struct {
	message  *sighting
	from, to int64
	last     bool // no later message of the stream was received
	matched  bool
}

// match assigns a different report to each claim, as far as possible, and returns the claims that have one. The claim
// that ends first takes the first report.
func match(claims []claim, reports []Event) (matched []*claim) {
	byEnd := make([]*claim, len(claims))
	for i := range claims {
		byEnd[i] = &claims[i]
	}
	slices.SortStableFunc(byEnd, func(a, b *claim) int {
		return cmp.Or(cmp.Compare(a.to, b.to),
			cmp.Compare(a.from, b.from))
	})
	reports = slices.Clone(reports)
	slices.SortStableFunc(reports, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	used := make([]bool, len(reports))
	for _, c := range byEnd {
		for i, r := range reports {
			if r.At > c.to+slack {
				break
			}
			if !used[i] && r.At >= c.from-slack {
				used[i] = true
				matched = append(matched, c)
				break
			}
		}
	}
	return matched
}
