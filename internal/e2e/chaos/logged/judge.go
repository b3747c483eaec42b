package logged

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
)

// Verdict is the judgement of a History.
type Verdict struct {
	Acknowledged, Refused, Unknown int // events that were sent
	Received                       int // deliveries to clients

	Connects  int            // of clients, without their first ones
	Recovered int            // of these
	Excused   map[string]int // not recovered, by the reason for which that is right
	Away      int64          // the longest time that a recovered client was away, in microseconds
	Gaps      int            // times in which a node was deaf
	Drops     int            // messages that did not fit into a queue of a node
	// Reordered counts events that came out of order beside one whose sender got an error. Such an event reaches the
	// clients of its node at once, also when others have not come back from the log yet.
	Reordered int
	// ServerLost counts acknowledged events that were not on the server's disk when it had ended. Forgotten counts how
	// often a client missed an acknowledged event with the epoch of the log, which its node has reported, and Epochs
	// those reports.
	ServerLost, Forgotten, Epochs int

	// Violations are the broken promises.
	Violations []chaos.Violation
}

// The kinds of violations, in addition to those of package chaos.
const (
	Lost chaos.ViolationKind = "lost"
	// OtherOrder: two clients got events in different orders.
	OtherOrder chaos.ViolationKind = "not one order"
	// NotRecovered: a client was not recovered although its session and the log existed.
	NotRecovered chaos.ViolationKind = "not recovered"
	// Incomplete: a recovered client has another id, other rooms or other data.
	Incomplete chaos.ViolationKind = "recovered incompletely"
	// Unfilled: a node could not fill a gap.
	Unfilled chaos.ViolationKind = "gaps not filled"
)

// ViolationKinds are all kinds, in the order in which they are printed.
var ViolationKinds = []chaos.ViolationKind{Lost, chaos.Doubled, chaos.Disordered, OtherOrder, NotRecovered,
	Untrue, Incomplete, Unfilled, chaos.Leak, chaos.Crash}

// slack is how much the clocks of two processes on one machine may differ, in microseconds.
const slack = 20_000

// Judge compares what was sent with what was received. away is for how long clients could be recovered.
func Judge(h *History, rooms int, away time.Duration) *Verdict {
	j := &judge{History: h, Verdict: &Verdict{Excused: make(map[string]int)}, rooms: rooms, away: away.Microseconds()}
	for _, s := range h.Streams {
		for _, m := range s.Sent {
			switch m.Outcome {
			case OK:
				j.Acknowledged++
			case Refused:
				j.Refused++
			default:
				j.Unknown++
			}
		}
	}
	for i, c := range h.Clients {
		j.Received += c.Received
		j.beginnings(i+1, c, j.numbers(i+1, c))
		j.ends(i+1, c)
		j.recoveries(i+1, c)
	}
	for _, n := range h.Nodes[1:] {
		j.node(n)
	}
	j.stored()
	for _, e := range h.Wrong {
		j.violation(Incomplete, clientName(e.Client), e.At, "socket %s %s", e.ID, e.Text)
	}
	slices.SortFunc(j.Violations, func(a, b chaos.Violation) int { return cmp.Compare(a.At, b.At) })
	return j.Verdict
}

type judge struct {
	*History
	*Verdict
	rooms int
	away  int64
}

func clientName(number int) string { return fmt.Sprintf("client %d", number) }

func (j *judge) violation(kind chaos.ViolationKind, node string, at int64, format string, args ...any) {
	v := chaos.Violation{Kind: kind, Node: node, At: at, Text: fmt.Sprintf(format, args...)}
	j.Violations = append(j.Violations, v)
}

// name is the name of an event.
type name struct {
	stream string
	seq    int
}

// numbers judges what a client has found wrong with the numbers and positions. It returns the events that were late.
func (j *judge) numbers(number int, c *Client) (late map[name]bool) {
	late = make(map[name]bool)
	for _, e := range c.Anomalies {
		m := j.find(e.Stream, e.Seq)
		event := fmt.Sprintf("%s.%d (%s, sent at %s) at %s", e.Stream, e.Seq, m.Outcome, chaos.Clock(m.Begin), e.Offset)
		switch e.Kind {
		case Late:
			late[name{e.Stream, e.Seq}] = true
			good := func(seq int) bool { return j.find(e.Stream, seq).Outcome == OK }
			if m.Outcome == OK && slices.ContainsFunc(e.Numbers, good) {
				j.violation(chaos.Disordered, clientName(number), e.At, "%s came after %v", event, e.Numbers)
			} else {
				j.Reordered++
			}
		case Doubled:
			j.violation(chaos.Doubled, clientName(number), e.At, "%s came again; %s", event, e.Text)
		case Backwards:
			// An event that is not kept has no position of its own.
			if m.Outcome == OK || e.Offset != e.Text {
				j.violation(OtherOrder, clientName(number), e.At, "%s came after position %s", event, e.Text)
			}
		case Unstamped:
			j.violation(OtherOrder, clientName(number), e.At, "%s had no position", event)
		case Disagreed:
			dot := strings.LastIndexByte(e.Text, '.')
			seq, _ := strconv.Atoi(e.Text[dot+1:]) // our own names
			// An event that is not kept has the position before it.
			if m.Outcome == OK && dot > 0 && j.find(e.Text[:dot], seq).Outcome == OK {
				j.violation(OtherOrder, clientName(number), e.At, "%s; another client got %s there", event, e.Text)
			}
		}
	}
	lost := make(map[name]bool)
	for _, e := range c.Anomalies {
		// An event that was refused reaches clients at once, also when earlier ones have not come back from the log.
		if e.Kind != Missing || j.find(e.Stream, e.Seq).Outcome != OK && c.replacedAfter(e.At) {
			continue
		}
		for _, seq := range e.Numbers {
			missed, m := name{e.Stream, seq}, j.find(e.Stream, seq)
			if m.Outcome != OK || late[missed] || lost[missed] {
				continue
			}
			lost[missed] = true
			j.lose(number, c, m, e.At, "%s.%d, sent at %s, acknowledged at %s, did not come before "+
				"%s.%d at %s", e.Stream, seq, chaos.Clock(m.Begin), chaos.Clock(m.End), e.Stream, e.Seq, e.Offset)
		}
	}
	return late
}

// beginnings finds events that were sent after a client was welcomed and did not come before the first one of their
// stream that came.
func (j *judge) beginnings(number int, c *Client, late map[name]bool) {
	for _, e := range c.Began {
		if j.find(e.Stream, e.Seq).Outcome != OK && c.replacedAfter(e.At) {
			continue
		}
		begin := c.sessionAt(e.At)
		for seq := 1; seq < e.Seq; seq++ {
			if m := j.find(e.Stream, seq); m.Outcome == OK && m.Begin > begin && !late[name{e.Stream, seq}] {
				j.lose(number, c, m, e.At, "%s.%d, sent at %s, acknowledged at %s, did not come; "+
					"the client was welcomed at %s, and %s.%d was the first that came", e.Stream, seq,
					chaos.Clock(m.Begin), chaos.Clock(m.End), chaos.Clock(begin), e.Stream, e.Seq)
			}
		}
	}
}

// ends finds events that had not come at the end of the run.
func (j *judge) ends(number int, c *Client) {
	begin := c.session()
	if !c.Present {
		j.violation(chaos.Leak, clientName(number), math.MaxInt64, "is not connected at the end")
		return
	}
	for name, s := range j.Streams {
		if !hears(number, s.Target, j.rooms) {
			continue
		}
		for seq := len(s.Sent); seq > c.Last[name]; seq-- {
			if m := s.Sent[seq-1]; m.Outcome == OK && m.Begin > begin {
				j.lose(number, c, m, m.End, "%s.%d, sent at %s, acknowledged at %s, has not come; "+
					"the last one was %d", name, seq, chaos.Clock(m.Begin), chaos.Clock(m.End), c.Last[name])
			}
		}
	}
}

// node judges what a node has reported.
func (j *judge) node(n *Node) {
	j.Gaps += len(n.Gaps)
	j.Drops += n.Drops
	for _, g := range n.Gaps {
		switch closing := g.At >= n.Ended; {
		case g.Filled || closing:
		case j.newEpoch(g.Begin, g.At):
			j.Epochs++
		case !j.unreadable(n.Place, g.Begin, g.At):
			j.violation(Unfilled, n.Name, g.At, "%s", g.Text)
		}
	}
	for _, leak := range n.Leaks {
		j.violation(chaos.Leak, n.Name, n.Ended, "%s", leak)
	}
}

// unreadable reports whether a node could not read the log for so long that it may give up, at some time from begin to
// end.
func (j *judge) unreadable(place int, begin, end int64) bool {
	const patience = int64(heartbeatTimeout / time.Microsecond)
	for _, t := range j.Trouble {
		from, to := t.From, t.To
		if t.Place >= 0 && t.Place != place || from > end || to < begin {
			continue
		}
		for more := true; more; { // other trouble that follows at once
			next := j.endOfTrouble(place, from, to)
			more, to = next > to, max(next, to)
		}
		if to-from >= patience {
			return true
		}
	}
	return false
}

// replacedAfter reports whether a client has begun another session after a time.
func (c *Client) replacedAfter(at int64) bool {
	return slices.ContainsFunc(c.Connects, func(connect Connect) bool { return !connect.Recovered && connect.At > at })
}

// session returns when the last session of a client began: everything that was sent later must have come.
func (c *Client) session() int64 { return c.sessionAt(math.MaxInt64) }

// sessionAt returns when the session of a client began that lasted at a time.
func (c *Client) sessionAt(at int64) (begin int64) {
	begin = math.MaxInt64
	for _, connect := range c.Connects {
		if connect.At > at {
			break
		}
		switch {
		case connect.Recovered && begin != math.MaxInt64:
		case connect.Welcomed == 0:
			begin = math.MaxInt64 // until the client is welcomed
		default:
			begin = connect.Welcomed + slack
		}
	}
	return begin
}

// lastRequired returns the number of the last event that a client must have received whose session began at begin.
func (j *judge) lastRequired(client int, s *Stream, begin int64) int {
	for seq := len(s.Sent); seq > 0; seq-- {
		if m := s.Sent[seq-1]; m.Outcome == OK && m.Begin > begin && !j.forgotten(client, m) {
			return seq
		}
	}
	return 0
}
