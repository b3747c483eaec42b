package logged

import (
	"math"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
)

// Bounds of what can be expected of the cluster, in microseconds.
const (
	// writing is how long a node may take to call OnConnection and write the session after its client has connected,
	// without trouble. Until then the client is a new one when it comes back; so it is if it was lost before it was
	// welcomed, which is the last thing that OnConnection does. The rest is for a machine that is busy.
	writing = 300_000
	// lateness is how much longer than its intervals the upkeep of sessions may take on a machine that is busy.
	lateness = 2_000_000
	// noticing is by how much a node may begin to count the absence of a client earlier than the client.
	noticing = 5_000_000
)

// recoveries checks that a client was recovered each time when it came back and that was possible.
func (j *judge) recoveries(number int, c *Client) {
	for i := 1; i < len(c.Connects); i++ {
		before, now := c.Connects[i-1], c.Connects[i]
		j.Connects++
		absence := now.At - before.Lost
		switch {
		case now.Recovered:
			j.Verdict.Recovered++
			j.Verdict.Away = max(j.Verdict.Away, absence)
			if now.Text != "" || now.ID != before.ID {
				j.violation(Incomplete, clientName(number), now.At, "id %s, not %s: %s", now.ID, before.ID, now.Text)
			}
			continue
		case before.Reason == "io server disconnect" || before.Reason == "io client disconnect":
			j.Excused["disconnected deliberately"]++
			continue
		}
		if reason := j.excuse(before, now); reason != "" {
			j.Excused[reason]++
			continue
		}
		j.violation(NotRecovered, clientName(number), now.At, "connected to %s at %s, lost at %s (%s), came back to "+
			"%s with an open transport at %s, and was not recovered at %s", j.nodeName(before.Node),
			chaos.Clock(before.At), chaos.Clock(before.Lost), before.Reason, j.nodeName(now.Node),
			chaos.Clock(now.Open), chaos.Clock(now.At))
	}
}

// excuse returns why the session of a client could not be recovered, or an empty string if it had to be.
func (j *judge) excuse(before, now Connect) string {
	if now.At-before.Lost > j.away-noticing {
		return "away for too long"
	}
	if before.Welcomed == 0 {
		return "the session had not begun"
	}
	if j.newEpoch(before.At, now.At) {
		return "the server had begun a new epoch"
	}
	// The old node can write the session until the client has come back, unless it ended before.
	until, place := now.Open, -1
	if before.Node > 0 && before.Node < len(j.Nodes) {
		node := j.Nodes[before.Node]
		until, place = min(until, node.Ended), node.Place
	}
	written := j.quiet(place, before.At, until)
	if written == math.MaxInt64 {
		return "the session could not be written"
	}
	for _, t := range j.Trouble {
		// Sessions that were lost in a crash of the server are written again, but not at once. A busy machine is late.
		if t.Crash && t.From < now.At && t.To > before.At && until < t.To+j.away/2+lateness {
			return "the server had lost the session"
		}
	}
	place = -1 // not known if the client was lost before it was welcomed: then only the trouble of the server counts
	if now.Node > 0 && now.Node < len(j.Nodes) {
		place = j.Nodes[now.Node].Place
	}
	if j.troubled(place, now.Open-slack, now.At) {
		return "the server could not be reached"
	}
	return ""
}

// quiet returns the end of the first time of the length writing, between from and until, in which neither the server
// nor the node at a place was in trouble. It returns math.MaxInt64 if there is none.
func (j *judge) quiet(place int, from, until int64) int64 {
	for begin := from; begin+writing <= until; {
		end := j.endOfTrouble(place, begin, begin+writing)
		if end == 0 {
			return begin + writing
		}
		if end == math.MaxInt64 {
			break
		}
		begin = end
	}
	return math.MaxInt64
}

// endOfTrouble returns the end of a trouble of the server or a place between two times, 0 if there is none.
func (j *judge) endOfTrouble(place int, from, to int64) (end int64) {
	for _, t := range j.Trouble {
		if (t.Place < 0 || t.Place == place) && t.From <= to && t.To > from {
			end = max(end, t.To)
		}
	}
	return end
}

func (j *judge) troubled(place int, from, to int64) bool { return j.endOfTrouble(place, from, to) != 0 }

func (j *judge) nodeName(number int) string {
	if number < 1 || number >= len(j.Nodes) {
		return "no node"
	}
	return j.Nodes[number].Name
}
