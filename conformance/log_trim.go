package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var logTrimChecks = []check[*logChecker]{
	{"TrimmedPositionIsAnError", "transport.ErrTrimmed",
		"Replay after a position that is older than the log is a *PositionError with ErrTrimmed, and not a part of " +
			"what was missed. A client that was told that it was recovered must have everything.",
		trimmedPositionIsAnError},
	{"TrimmingKeepsThePositions", "transport.Record.Previous",
		"Offsets and Previous go on after messages were trimmed, also if none was left, and a session that has " +
			"received everything sees no hole. A quiet namespace must not report a loss after each pause.",
		trimmingKeepsThePositions},
	{"TrimmingWhileReadingOmitsNothing", "transport.Log.Replay",
		"Replay while messages are being trimmed returns all messages after a position, or ErrTrimmed, but never " +
			"messages with an omission.", trimmingWhileReadingOmitsNothing},
	{"YoungMessagesAreKept", "transport.LogTrimmer.TrimLog",
		"TrimLog keeps what is within all limits of Retention, however often the nodes call it.", youngMessagesAreKept},
	{"OldMessagesAreTrimmed", "transport.Retention",
		"No message is kept for longer than twice MaxAge while TrimLog is called, and a log larger than MaxBytes " +
			"shrinks. Otherwise a log fills the disk.", oldMessagesAreTrimmed},
}

// trim makes the log forget the messages of a channel up to an offset. It skips the check if nothing can.
func (c *logChecker) trim(log transport.Log, channel string, upTo transport.Offset) {
	c.Helper()
	if c.harness.Trim != nil {
		c.noteCall("LogHarness.Trim")
		c.harness.Trim(c.TB, log, channel, upTo)
	} else {
		c.trimWith(log, channel, upTo, transport.Retention{MaxAge: time.Millisecond, MaxBytes: math.MaxInt64})
	}
	if b := c.bounds(log, channel); b.Trimmed.Compare(upTo) < 0 {
		c.fail("trim the log of "+quote(channel)+" up to "+upTo.String()+", Bounds", "a Trimmed that is not before it",
			"%s", b.Trimmed)
	}
}

// trimWith calls TrimLog until the messages of a channel up to an offset are gone.
func (c *logChecker) trimWith(log transport.Log, channel string, upTo transport.Offset, keep transport.Retention) {
	c.Helper()
	trimmer, ok := log.(transport.LogTrimmer)
	if !ok {
		c.Skip("the log does not implement transport.LogTrimmer, and LogHarness.Trim is nil")
	}
	called := fmt.Sprintf("TrimLog %+v repeatedly", keep)
	for start := time.Now(); ; time.Sleep(pause) {
		c.must(called, func(ctx context.Context) error { return trimmer.TrimLog(ctx, keep) })
		if c.bounds(log, channel).Trimmed.Compare(upTo) >= 0 {
			return
		}
		if time.Since(start) > c.patience+2*min(keep.MaxAge, time.Minute) {
			c.fail(called, "that messages up to offset "+upTo.String()+" are trimmed", "%+v", c.bounds(log, channel))
		}
	}
}

func trimmedPositionIsAnError(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	begin := c.begin(one, a)
	c.append(one, keep(a, numberedPayloads("old", 10)...)...)
	old := c.replayAll(one, a, begin, transport.ReadLimit{})
	c.trim(one, a, old[8].Offset)
	c.append(one, keep(a, numberedPayloads("young", 5)...)...)
	bounds := c.bounds(two, a)
	for _, log := range []transport.Log{one, two} {
		c.expectPositionError(log, a, begin, transport.ErrTrimmed)
		for _, r := range old {
			if r.Offset.Compare(bounds.Trimmed) < 0 {
				c.expectPositionError(log, a, r.Position(), transport.ErrTrimmed)
			}
		}
	}
	want := numberedPayloads("young", 5)
	got := c.replayAll(two, a, transport.Position{Epoch: bounds.Epoch, Offset: bounds.Trimmed}, transport.ReadLimit{})
	if len(got) > 5 {
		want = append(payloadsOf(old[10-(len(got)-5):]), want...)
	}
	c.expectPayloads("trim the log, Append, Replay of what Bounds promises", got, want)
	latest := c.latest(two, a, transport.Offset{}, transport.ReadLimit{Records: 100})
	c.expectPayloads("trim the log, Append, Latest", latest, want)
	c.expectPayloads("trim the log, Latest before what is left",
		c.latest(two, a, got[0].Offset, transport.ReadLimit{}), nil)
}

func trimmingKeepsThePositions(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a, b := c.channel("a"), c.channel("b")
	s := c.openLog(two, a)
	after := c.begin(one, a)
	for i := range 4 {
		payloads := numberedPayloads(fmt.Sprint("round ", i), 3)
		c.append(one, keep(a, payloads...)...)
		c.append(two, keep(b, payloads...)...)
		called := fmt.Sprintf("trim the whole log %d times, Append", i)
		got := c.receive(s, called, 3)
		c.expectPayloads(called+", ReceiveRecord", got, payloads)
		c.expectChain(called+", ReceiveRecord", a, after, got)
		after = got[2].Position()
		if i == 2 { // the last two rounds are not trimmed in between
			continue
		}
		c.trim(one, a, after.Offset)
		if end := c.end(two, a); end.Offset.Compare(after.Offset) < 0 || end.Epoch != after.Epoch {
			c.fail(called+", trim all, Bounds", "a Newest at "+showPosition(after)+" or later", "%s", showPosition(end))
		}
		end := c.end(two, a)
		c.expectPayloads("trim all, Replay after Newest", c.replay(two, a, end, transport.ReadLimit{}), nil)
		c.expectPayloads("trim all, Latest", c.latest(two, a, transport.Offset{}, transport.ReadLimit{}), nil)
	}
}

func trimmingWhileReadingOmitsNothing(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	c.append(one, keep(a, "first")...)
	newest := c.bounds(one, a).Newest
	c.trim(one, a, newest) // skips the check if nothing can trim
	stopAppending := c.repeatedly(func(i int) error {
		return one.Append(c.Context(), keep(a, numberedPayloads(fmt.Sprint("batch ", i), 20)...))
	})
	var busy error
	succeeded := 0
	stopTrimming := c.repeatedly(func(int) error {
		time.Sleep(pause)
		if c.harness.Trim != nil {
			b, err := one.Bounds(c.Context(), a)
			if err != nil {
				return err
			}
			c.harness.Trim(c.TB, one, a, b.Newest)
			succeeded++
			return nil
		}
		keep := transport.Retention{MaxAge: 2 * pause, MaxBytes: math.MaxInt64}
		if err := one.(transport.LogTrimmer).TrimLog(c.Context(), keep); err != nil {
			busy = err // somebody uses what is to be trimmed: the next call does it
		} else {
			succeeded++
		}
		return nil
	})
	trimmed, read := 0, 0
	for start := time.Now(); (trimmed < 20 || read < 1000) && time.Since(start) < c.patience/2; {
		after := c.begin(two, a)
		var last []transport.Record // the last message that was read, if any
		for time.Since(start) < c.patience {
			var records []transport.Record
			limit := transport.ReadLimit{Records: 7}
			called := "Replay of " + quote(a) + " after " + showPosition(after) + " while messages are trimmed"
			err := c.call(called, func(ctx context.Context) (err error) {
				records, err = two.Replay(ctx, a, after, limit)
				return err
			})
			if errors.Is(err, transport.ErrTrimmed) {
				trimmed++
				break
			}
			if err != nil {
				c.fail(called, "no error but ErrTrimmed", "the error %q", err)
			}
			c.report(pieceProblem(called, a, after, limit, records))
			c.report(batchProblem(called, append(last, records...)))
			if len(records) > 0 {
				read += len(records)
				after = records[len(records)-1].Position()
				last = records[len(records)-1:]
			}
			if len(records) < limit.Records || read%5 == 0 { // what is read next gets old meanwhile
				time.Sleep(3 * pause)
			}
		}
	}
	c.mustGuard("Append while messages are trimmed", stopAppending)
	c.mustGuard("trim while messages are appended", stopTrimming)
	if succeeded == 0 {
		c.fail("trim while messages are appended", "that it succeeds at least once", "the error %q", busy)
	}
	if read == 0 {
		c.fail("Replay while messages are trimmed", "some messages", "none")
	}
}

// batchProblem says whether messages whose payloads are numbered in batches of 20 are not consecutive.
func batchProblem(called string, records []transport.Record) *problem {
	number := func(r transport.Record) int {
		var batch, n int
		if _, err := fmt.Sscanf(string(r.Payload), "batch %d %d", &batch, &n); err != nil {
			return -1 // the first message
		}
		return 20*batch + n
	}
	for i := 1; i < len(records); i++ {
		if number(records[i]) != number(records[i-1])+1 {
			return &problem{called, "the message after " + showRecord(records[i-1]), showRecord(records[i])}
		}
	}
	return nil
}

func youngMessagesAreKept(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	trimmer, ok := one.(transport.LogTrimmer)
	if !ok {
		c.Skip("the log does not implement transport.LogTrimmer")
	}
	a := c.channel("a")
	begin := c.begin(one, a)
	var want []string
	for i := range 10 {
		payloads := numberedPayloads(fmt.Sprint("batch ", i), 5)
		c.append(one, keep(a, payloads...)...)
		want = append(want, payloads...)
		for _, keep := range []transport.Retention{
			{MaxAge: time.Hour, MaxBytes: 1 << 40}, {MaxAge: time.Hour}, {MaxBytes: 1 << 40}, {},
			{MaxAge: math.MaxInt64, MaxBytes: math.MaxInt64},
		} {
			c.inParallel(fmt.Sprintf("TrimLog %+v on 4 goroutines", keep), 4, func(ctx context.Context, i int) error {
				if i%2 == 1 {
					return two.(transport.LogTrimmer).TrimLog(ctx, keep)
				}
				return trimmer.TrimLog(ctx, keep)
			})
			c.expectPayloads(fmt.Sprintf("Append, TrimLog %+v, Replay", keep),
				c.replayAll(two, a, begin, transport.ReadLimit{}), want)
		}
	}
}

func oldMessagesAreTrimmed(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	if _, ok := one.(transport.LogTrimmer); !ok {
		c.Skip("the log does not implement transport.LogTrimmer")
	}
	a := c.channel("a")
	const age = 500 * time.Millisecond
	for range 2 {
		c.append(one, keep(a, "old", "older")...)
		c.trimWith(two, a, c.bounds(two, a).Newest, transport.Retention{MaxAge: age, MaxBytes: math.MaxInt64})
	}
	// By size: the log has some megabytes, and MaxBytes is less.
	c.append(one, keep(a, "oldest")...)
	oldest := c.bounds(two, a).Newest
	size := one.Limits().Payload
	if size == 0 {
		size = 100_000
	}
	payload := sizedText(size)
	for sent := 0; sent < 4<<20; sent += 50 * size {
		records := make([]transport.Record, 50)
		for i := range records {
			records[i] = keep(a, payload)[0]
		}
		c.append(one, records...)
	}
	c.trimWith(two, a, oldest, transport.Retention{MaxAge: 24 * time.Hour, MaxBytes: 1 << 20})
	newest := c.bounds(one, a).Newest
	c.append(two, keep(a, "goes on")...)
	if b := c.bounds(one, a); b.Newest.Compare(newest) <= 0 {
		c.fail("TrimLog, Append, Bounds", "a Newest after "+newest.String(), "%s", b.Newest)
	}
}
