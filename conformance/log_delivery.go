package conformance

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane/transport"
)

var logDeliveryChecks = []check[*logChecker]{
	{"KeptMessagesHavePositions", "transport.LogSession.ReceiveRecord",
		"A session returns each kept message with its position: Keep, the epoch of 4 to 32 letters and digits, an " +
			"offset that is not zero, the same for all sessions. It is what a node tells its clients, and from where " +
			"it continues after an outage.", keptMessagesHavePositions},
	{"OtherMessagesTakeNoPlace", "transport.Record.Keep",
		"A message without Keep has no position, is not replayed, and is not counted: it is delivered in order with " +
			"the others. Otherwise each acknowledgement would look like a hole, or be replayed.",
		otherMessagesTakeNoPlace},
	{"PreviousLinksTheMessages", "transport.Record.Previous",
		"Previous is the offset of the kept message before this one on the same channel, or zero if there was none, " +
			"from the first message that a session receives. A reader compares it with its latest message: one that " +
			"is wrong hides a loss, or reports one that did not happen.", previousLinksTheMessages},
	{"PlainSessionsReceiveKeptMessages", "transport.Log",
		"Sessions of Open receive the same messages in the same order, kept or not. Nodes without a log and emitters " +
			"use the same channels.", plainSessionsReceiveKeptMessages},
	{"AppendReportsPositions", "transport.Appender.Append",
		"Append sets the Epoch and Offset of the kept messages to those that readers see, or leaves all of them " +
			"empty. It sets Previous to what readers see, or leaves it empty. It changes nothing else, and without " +
			"records it does nothing.", appendReportsPositions},
}

func keptMessagesHavePositions(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	sessions := []transport.LogSession{c.openLog(one, a), c.openLog(two, a), c.openLog(two, a)}
	c.append(one, keep(a, "1", "2", "3")...)
	c.append(two, keep(a, "4")...)
	c.appendEach(one, keep(a, "5", "6")...)
	const called = "Append messages to be kept"
	first := c.receive(sessions[0], called, 6)
	c.expectPayloads(called+", ReceiveRecord", first, []string{"1", "2", "3", "4", "5", "6"})
	latest := transport.Offset{}
	for _, r := range first {
		c.report(recordProblem(called+", ReceiveRecord", a, latest, r))
		if !isEpoch(r.Epoch) {
			c.fail(called+", ReceiveRecord", "an epoch of 4 to 32 letters and digits", "%s", showRecord(r))
		}
		latest = r.Offset
	}
	for _, s := range sessions[1:] {
		c.expectSame(called+", ReceiveRecord of another session", c.receive(s, called, 6), first)
	}
}

// isEpoch reports whether s can be an epoch.
func isEpoch(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return len(s) >= 4 && len(s) <= 32
}

// expectSame fails the check unless got has the same messages and positions as want.
func (c *logChecker) expectSame(called string, got, want []transport.Record) {
	c.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			c.fail(called, countRecords(len(want)), "%d: %s is missing", len(got), showRecord(want[i]))
		case i >= len(want):
			c.fail(called, countRecords(len(want)), "%d: also %s", len(got), showRecord(got[i]))
		case !sameRecord(got[i], want[i]):
			c.fail(called, fmt.Sprintf("%s as message %d", showRecord(want[i]), i+1), "%s", showRecord(got[i]))
		}
	}
}

func sameRecord(a, b transport.Record) bool {
	return sameMessage(a.Message, b.Message) && a.Keep == b.Keep && a.Position() == b.Position() &&
		a.Previous == b.Previous
}

func otherMessagesTakeNoPlace(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	s := c.openLog(two, a)
	var sent []transport.Record
	for i := range 40 { // runs of different lengths, in one batch and in several
		r := keep(a, fmt.Sprint("message ", i))[0]
		r.Keep = i%7 < 3 && i%5 != 0
		sent = append(sent, r)
	}
	const called = "Append messages with and without Keep"
	c.append(one, sent[:20]...)
	c.appendEach(one, sent[20:]...)
	c.must("Publish", func(ctx context.Context) error {
		return one.Publish(ctx, transport.Message{Channel: a, Payload: []byte("published")})
	})
	sent = append(sent, skip(a, "published")...)
	c.append(one, keep(a, "last")...)
	sent = append(sent, keep(a, "last")...)

	got := c.receive(s, called, len(sent))
	c.expectPayloads(called+", ReceiveRecord", got, payloadsOf(sent))
	var kept []transport.Record
	for i, r := range got {
		switch {
		case r.Keep != sent[i].Keep:
			c.fail(called+", ReceiveRecord", fmt.Sprintf("Keep %v", sent[i].Keep), "%s", showRecord(r))
		case r.Keep:
			kept = append(kept, r)
		case r.Position() != transport.Position{} || !r.Previous.IsZero():
			c.fail(called+", ReceiveRecord", "no position of a message that is not kept", "%s",
				fmt.Sprintf("%s after %s", showPosition(r.Position()), r.Previous))
		}
	}
	c.expectSame(called+", Replay", c.replayAll(two, a, c.begin(two, a), transport.ReadLimit{}), kept)
}

func previousLinksTheMessages(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a, b := c.channel("a"), c.channel("b")
	empty := c.begin(one, a)
	early := c.openLog(one, a)
	for i := range 20 { // other channels and other messages do not count
		c.append(one, keep(a, fmt.Sprint("a ", i))...)
		c.append(two, append(keep(b, fmt.Sprint("b ", i)), skip(a, fmt.Sprint("between ", i))...)...)
	}
	const called = "Append to two channels in turn, kept and not"
	c.expectChain(called+", ReceiveRecord", a, empty, keptOf(c.receive(early, called, 40)))

	latest := c.end(two, a)
	late := c.openLog(two, a, b)
	c.append(two, keep(a, "after Listen")...)
	c.expectChain(called+", Listen, Append, ReceiveRecord", a, latest, c.receive(late, called+", Listen, Append", 1))
	latest = c.end(two, b)
	c.append(one, keep(b, "after Listen", "next")...)
	c.expectChain(called+", Listen, Append, ReceiveRecord", b, latest, c.receive(late, called+", Listen, Append", 2))
}

func keptOf(records []transport.Record) (kept []transport.Record) {
	for _, r := range records {
		if r.Keep {
			kept = append(kept, r)
		}
	}
	return kept
}

func plainSessionsReceiveKeptMessages(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	var s transport.Session
	c.must("Open", func(ctx context.Context) (err error) {
		if s, err = two.Open(ctx); err == nil {
			c.closeAtEnd(s.Close)
		}
		return err
	})
	c.listen(s, a)
	want := []transport.Record{keep(a, "1")[0], skip(a, "2")[0], keep(a, "3")[0], keep(a, "3")[0], skip(a, "4")[0]}
	c.append(one, want...)
	c.appendEach(two, want...)
	const called = "Append messages with and without Keep, Receive of a session of Open"
	for i, w := range append(want, want...) {
		var m transport.Message
		c.must(called, func(ctx context.Context) (err error) {
			m, err = s.Receive(ctx)
			return err
		})
		if !sameMessage(m, w.Message) {
			c.fail(called, fmt.Sprintf("%s as message %d", showMessage(w.Message), i+1), "%s", showMessage(m))
		}
	}
}

func appendReportsPositions(c *logChecker) {
	log := c.newLog()
	a, b := c.channel("a"), c.channel("b")
	c.append(log)
	begin := map[string]transport.Position{a: c.begin(log, a), b: c.begin(log, b)}
	var all []transport.Record
	for i := range 5 {
		sent := append(keep(a, fmt.Sprint(i)), skip(b, fmt.Sprint(i))...)
		sent = append(sent, keep(b, fmt.Sprint("b ", i), fmt.Sprint("b2 ", i))...)
		sent = append(sent, keep(a, fmt.Sprint("a ", i))...)
		c.append(log, sent...)
		for j, r := range sent {
			if r.Keep != (j != 1) || j == 1 && (r.Position() != transport.Position{} || !r.Previous.IsZero()) {
				c.fail("Append", "records whose Keep is as before, and no position of the others", "%s", showRecord(r))
			}
		}
		all = append(all, sent...)
	}
	for _, channel := range []string{a, b} {
		want := c.replayAll(log, channel, begin[channel], transport.ReadLimit{})
		var got []transport.Record
		for _, r := range all {
			if r.Channel == channel && r.Keep {
				got = append(got, r)
			}
		}
		if len(got) > 0 && got[0].Epoch == "" && got[0].Offset.IsZero() { // the log does not know them
			for i := range got {
				if got[i].Epoch != "" || !got[i].Offset.IsZero() || !got[i].Previous.IsZero() {
					c.fail("Append", "a position of all kept messages or of none", "%s", showRecord(got[i]))
				}
				got[i].Epoch, got[i].Offset, got[i].Previous = want[i].Epoch, want[i].Offset, want[i].Previous
			}
		}
		for i := range got {
			if got[i].Previous.IsZero() && i < len(want) { // the log does not know it
				got[i].Previous = want[i].Previous
			}
		}
		c.expectSame("Append; the records that it was given", got, want)
	}
}
