package conformance

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var logReplayChecks = []check[*logChecker]{
	{"ReplayIsWhatWasPublished", "transport.Log",
		"A replayed message has the bytes that were published, whatever they are and however many, and equal " +
			"messages are distinct. Clients that were away must see what the others have seen.",
		replayIsWhatWasPublished},
	{"ReplayBeginsAnywhere", "transport.Log.Replay",
		"Replay returns the messages after a position, whichever message that is, on every bus, and nothing after " +
			"the latest. Each client that comes back has another position.", replayBeginsAnywhere},
	{"AppendedIsReadable", "transport.Log",
		"When Append returns, or a session has returned a message, every bus can replay the message and all before " +
			"it. A node that reads what it has just been told of must find it.", appendedIsReadable},
	{"ReplayedPayloadsBelongToTheCaller", "transport.Log.Replay",
		"The results of Replay and Latest belong to the caller, and Append does not retain the payloads. Nodes write " +
			"into both.", replayedPayloadsBelongToTheCaller},
	{"LongLogIsReplayedInPieces", "transport.ReadLimit",
		"A log that is longer than a result may be is read piece by piece: each begins where the one before has " +
			"ended, and the last is empty. A node that was deaf for a minute must not read a minute's messages at " +
			"once.", longLogIsReplayedInPieces},
}

func replayIsWhatWasPublished(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	limits := one.Limits()
	payloads := []string{
		"", "equal", "equal", "", " ", " spaces ", "\n", "a\nb\r\nc", "\t", "'", "''", `"`, `\`, `\\`, `\n`, `\x00`,
		"`", "$1", "%s", `'; DROP TABLE x; --`, `{"a":[1,"\u0000"]}`, "null", "0", "{", "}", "[", "{}",
		"\u00e9", "e\u0301",
		"\ufeffbom", "\ufffd", "\uffff", "\U0010ffff", "\U0001F469\u200D\U0001F4BB", "\x01\x02\x1f\x7f",
		strings.Repeat("x", transport.MinPayload), strings.Repeat("€", transport.MinPayload/3),
	}
	large := limits.Payload
	if large == 0 {
		large = 1 << 20
	}
	payloads = append(payloads, sizedText(large), sizedText(large-1), "after the large ones")
	if !limits.Text {
		payloads = append(payloads, "\x00", "\xff", "\xc0\x80", "a\x00b", "ends with\x00", strings.Repeat("\x00", 100))
		payloads = append(payloads, splitPayload(allBytes(), limits.Payload)...)
	}
	begin := c.begin(one, a)
	c.append(one, keep(a, payloads...)...)
	c.appendEach(two, keep(a, payloads...)...)
	want := append(payloads, payloads...)
	for _, log := range []transport.Log{one, two, c.newLog()} {
		got := c.replayAll(log, a, begin, transport.ReadLimit{})
		c.expectPayloads("Append all kinds of payloads, Replay", got, want)
	}
}

func sizedText(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

func replayBeginsAnywhere(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	begin := c.begin(one, a)
	n := 30
	for i := 0; i < n; i += 3 {
		c.append(one, keep(a, numberedPayloads(fmt.Sprint("batch ", i), 3)...)...)
	}
	all := c.replayAll(one, a, begin, transport.ReadLimit{})
	if len(all) != n {
		c.fail("Append, Replay", countRecords(n), "%s", countRecords(len(all)))
	}
	for i, r := range all {
		c.expectSame("Append, Replay after message "+fmt.Sprint(i+1), c.replay(two, a, r.Position(),
			transport.ReadLimit{Records: n}), all[i+1:])
		some := min(2, len(all)-i-1)
		c.expectSame("Append, Replay after message "+fmt.Sprint(i+1), c.replay(one, a, r.Position(),
			transport.ReadLimit{Records: 2}), all[i+1:i+1+some])
	}
}

func appendedIsReadable(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	s := c.openLog(two, a)
	after := c.begin(one, a)
	for i := range c.rounds(50, 500) {
		payload := fmt.Sprint("message ", i)
		log := []transport.Log{one, two}[i%2]
		c.append(log, keep(a, payload)...)
		if newest := c.bounds([]transport.Log{two, one}[i%2], a).Newest; newest.Compare(after.Offset) <= 0 {
			c.fail("Append, Bounds of another bus", "a Newest after "+after.Offset.String(), "%s", newest)
		}
		got := c.replay([]transport.Log{two, one}[i%2], a, after, transport.ReadLimit{})
		c.expectPayloads("Append, Replay on another bus", got, []string{payload})
		received := c.receive(s, "Append", 1)
		c.expectSame("Append, ReceiveRecord", received, got)
		c.expectSame("Append, ReceiveRecord, Replay", c.replay(one, a, after, transport.ReadLimit{}), received)
		after = got[0].Position()
	}
}

func replayedPayloadsBelongToTheCaller(c *logChecker) {
	log := c.newLog()
	a := c.channel("a")
	begin := c.begin(log, a)
	s := c.openLog(log, a)
	want := []string{"first payload", "second payload", "third payload"}
	sent := keep(a, want...)
	c.append(log, sent...)
	for _, r := range sent {
		invertBytes(r.Payload)
	}
	for range 2 {
		for called, read := range map[string]func() []transport.Record{
			"Replay": func() []transport.Record { return c.replay(log, a, begin, transport.ReadLimit{}) },
			"Latest": func() []transport.Record { return c.latest(log, a, transport.Offset{}, transport.ReadLimit{}) },
		} {
			records := read()
			c.expectPayloads("Append, overwrite the payloads, "+called+", overwrite its result, "+called, records, want)
			for i, r := range records {
				invertBytes(r.Payload)
				c.expectPayloads(called+", overwrite a payload; the others", records[i+1:], want[i+1:])
			}
		}
	}
	received := c.receive(s, "Append, overwrite the payloads", len(want))
	c.expectPayloads("Append, overwrite the payloads, Replay, ReceiveRecord", received, want)
	for i, r := range received {
		invertBytes(r.Payload)
		for _, other := range received[i+1:] {
			if bytes.Equal(other.Payload, r.Payload) {
				c.fail("ReceiveRecord, overwrite the payload", "other payloads as they were", "%s", showRecord(other))
			}
		}
	}
	c.expectPayloads("ReceiveRecord, overwrite the payloads, Replay",
		c.replay(log, a, begin, transport.ReadLimit{}), want)
}

func longLogIsReplayedInPieces(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	begin := c.begin(one, a)
	const batch = 500
	size := 200
	var want []string
	for i := range c.rounds(12, 200) {
		payloads := numberedPayloads(fmt.Sprint("batch ", i, strings.Repeat(".", size)), batch)
		c.append(one, keep(a, payloads...)...)
		want = append(want, payloads...)
	}
	called := fmt.Sprintf("Append %d messages, Replay in pieces", len(want))
	for _, limit := range []transport.ReadLimit{
		{}, {Records: 997}, {Bytes: 100_000}, {Records: 10_000, Bytes: 1 << 30},
	} {
		c.expectPayloads(called, c.replayAll(two, a, begin, limit), want)
	}
	// In pieces while the log grows.
	grown := numberedPayloads("grown", 2*batch)
	growing := c.inBackground(func(ctx context.Context, _ <-chan struct{}) error {
		for i := 0; i < len(grown); i += 50 {
			if err := one.Append(ctx, keep(a, grown[i:i+50]...)); err != nil {
				return err
			}
		}
		return nil
	})
	got := c.replayAll(two, a, begin, transport.ReadLimit{Records: 333})
	c.mustGuard("Append", growing.wait)
	after := begin
	if len(got) > 0 {
		after = got[len(got)-1].Position()
	}
	got = append(got, c.replayAll(two, a, after, transport.ReadLimit{})...)
	c.expectPayloads(called+" while it grows", got, append(want, grown...))
}
