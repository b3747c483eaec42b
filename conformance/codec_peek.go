package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
)

var peekChecks = []check[*codecChecker]{
	{"PeekFindsOwnMessages", "codec.Peeker.SentBy",
		"SentBy is true for every message that Append wrote with EmitterUID or with the kind of UID that nodes " +
			"have, 16 hexadecimal digits: for every type and size, in both forms. Otherwise a node parses everything " +
			"that it has sent itself.", peekFindsOwnMessages},
	{"PeekAgreesWithParse", "codec.Peeker.SentBy",
		"If SentBy returns true, Parse finds this sender. The cluster drops its own messages this way without " +
			"parsing them: a true for another node's message loses that message.", peekAgreesWithParse},
	{"PeekNeverPanics", "codec.Peeker.SentBy",
		"SentBy does not validate, but it never panics either. It is the first to read foreign bytes.",
		peekNeverPanics},
	{"PeekIsCheap", "codec.Peeker.SentBy",
		"SentBy allocates nothing and reads no further than the sender, however large the message is. It is " +
			"called for every message.", peekIsCheap},
}

func (c *codecChecker) requirePeeker() codec.Peeker {
	c.Helper()
	p, ok := c.codec.(codec.Peeker)
	if !ok {
		c.Skip("the codec does not implement codec.Peeker")
	}
	return p
}

// sentByWhich returns those of uids for which SentBy returns true.
func (c *codecChecker) sentByWhich(peeker codec.Peeker, called string, p []byte, f codec.Format,
	uids ...string) (yes []string) {
	c.Helper()
	for _, uid := range uids {
		c.guardPanic(called+", SentBy "+quote(uid), func() {
			if peeker.SentBy(p, f, uid) {
				yes = append(yes, uid)
			}
		})
	}
	return yes
}

func peekFindsOwnMessages(c *codecChecker) {
	peeker := c.requirePeeker()
	all := c.allSamples()
	for _, n := range dataSizes {
		all = append(all, c.ackSample(fmt.Sprintf("a text of %d bytes", n), c.newValue(asciiText(n))))
		all = append(all, carriersOf(fmt.Sprintf("%d bytes", n), codec.FromTree(randomBytes(n)), true)[0])
	}
	all = append(all, c.ackSample("a text of a MiB", c.newValue(asciiText(1<<20))),
		carriersOf("a MiB of bytes", codec.FromTree(randomBytes(1<<20)), true)[0])
	for _, text := range headerTexts() {
		all = append(all, sample{name: "HEARTBEAT of " + quote(text),
			env: &codec.Envelope{Type: codec.Heartbeat, NSP: text, Process: text, CloseHash: text}})
	}
	for i, s := range all {
		for _, uid := range []string{sampleUID, "fedcba9876543210", "0000000000000000", codec.EmitterUID,
			fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15)} {
			env := *s.env
			env.UID, env.Nonce = uid, uint64(i%3)
			for _, f := range forms {
				if p, ok := c.mustAppend(sample{s.name, &env, s.hasBytes}, f); ok {
					called := fmt.Sprintf("Append %s of %s, %v form", s.name, quote(uid), f)
					if len(c.sentByWhich(peeker, called, p, f, uid)) == 0 {
						c.fail(called+", SentBy "+quote(uid), "true", "false, for %s", quote(string(p)))
					}
				}
			}
		}
	}
}

func peekAgreesWithParse(c *codecChecker) {
	peeker := c.requirePeeker()
	all := c.allSamples()
	for _, text := range headerTexts() {
		all = append(all,
			sample{name: "HEARTBEAT of " + quote(text), env: &codec.Envelope{Type: codec.Heartbeat,
				UID: codec.EmitterUID, NSP: text}},
			sample{name: "HEARTBEAT of the uid " + quote(text),
				env: &codec.Envelope{Type: codec.Heartbeat, UID: text, NSP: "/"}},
			sample{name: "BROADCAST of " + quote(text), env: &codec.Envelope{Type: codec.Broadcast, UID: "u" + text,
				NSP: text, Args: c.newArgs("e", map[string]any{"uid": "x", "type": 1, "nsp": "y"})}})
	}
	// Another node's uid in every field that may contain it.
	opts := codec.Opts{Rooms: []string{otherUID}, Except: []string{otherUID}}
	for _, env := range []codec.Envelope{
		{Type: codec.Heartbeat, Process: otherUID, CloseHash: otherUID, Clock: 1, Nonce: 1},
		{Type: codec.AdapterClose, CloseKey: otherUID},
		{Type: codec.FetchSocketsResponse, AttachmentID: otherUID, AttachmentKey: otherUID, RequesterUID: otherUID},
		{Type: codec.Broadcast, Opts: opts, RequestID: otherUID,
			Args: c.newArgs(otherUID, otherUID, map[string]any{otherUID: otherUID, "uid": otherUID},
				`{"uid":"`+otherUID+`","type":2`)},
		{Type: codec.SocketsJoin, Opts: opts, Rooms: []string{otherUID}},
		{Type: codec.BroadcastAck, RequestID: otherUID, Value: c.newValue(map[string]any{"uid": otherUID})},
	} {
		env.NSP = otherUID
		for _, uid := range []string{sampleUID, "", "u", otherUID[1:], otherUID + "0", `x","uid":"` + otherUID,
			otherUID + `","type":2,"uid":"x`, "\xa3uid\xb0" + otherUID} {
			env.UID = uid
			all = append(all, sample{name: fmt.Sprintf("%v of %s, full of %s", env.Type, quote(uid), otherUID),
				env: &env})
			env := env
			all[len(all)-1].env = &env
		}
	}
	for _, s := range all {
		for _, f := range forms {
			if p, ok := c.mustAppend(s, f); ok {
				c.expectPeekAgrees(peeker, s.called(f), p, f)
			}
		}
	}
	for _, g := range c.harness.Golden {
		if g.Envelope != nil {
			c.expectPeekAgrees(peeker, "the golden message "+quote(g.Name), g.Bytes, g.Format)
		}
	}
}

// expectPeekAgrees fails the check if SentBy returns true for a uid other than the sender's. It tries uids that
// resemble it.
func (c *codecChecker) expectPeekAgrees(peeker codec.Peeker, called string, p []byte, f codec.Format) {
	c.Helper()
	env := c.mustParse(called, bytes.Clone(p), f)
	uids := []string{env.UID, "", env.UID + "x", env.UID + "\x00", strings.ToUpper(env.UID), env.NSP,
		env.RequesterUID, "x", "x" + env.UID, codec.EmitterUID, sampleUID, otherUID, otherUID[:15]}
	if env.UID != "" {
		uids = append(uids, env.UID[:len(env.UID)-1], env.UID[1:], env.UID[:len(env.UID)/2],
			env.UID[:len(env.UID)-1]+"~", "~"+env.UID[1:])
	}
	escaped, _ := json.Marshal(env.UID) // cannot fail
	uids = append(uids, string(escaped[1:len(escaped)-1]),
		string(bytes.ReplaceAll(escaped[1:len(escaped)-1], []byte(`\`), nil)))
	for _, uid := range c.sentByWhich(peeker, called, p, f, uids...) {
		if uid != env.UID {
			c.fail(called+", SentBy "+quote(uid), "false, because Parse finds the sender "+quote(env.UID), "true")
		}
	}
}

func peekNeverPanics(c *codecChecker) {
	peeker := c.requirePeeker()
	uids := []string{"", "u", strings.Repeat("u", 1000)}
	for _, f := range forms {
		for _, g := range garbageInputs() {
			c.sentByWhich(peeker, fmt.Sprintf("foreign bytes %s, %v form", quote(g), f), []byte(g), f, uids...)
		}
		names, all := c.appendedSamples(f)
		for i, p := range all {
			own := c.mustParse(names[i], bytes.Clone(p), f).UID
			for n := range p {
				called := fmt.Sprintf("%s, %v form, broken at byte %d of %d", names[i], f, n, len(p))
				c.sentByWhich(peeker, called, bytes.Clone(p[:n]), f, append(uids, own)...)
				q := bytes.Clone(p)
				q[n] ^= 0xff
				c.sentByWhich(peeker, called, q, f, append(uids, own)...)
				if _, err := c.codec.Parse(bytes.Clone(q), f); err == nil {
					c.expectPeekAgrees(peeker, called, q, f)
				}
			}
		}
	}
}

func peekIsCheap(c *codecChecker) {
	peeker := c.requirePeeker()
	for _, f := range forms {
		large := c.ackSample("a text of 8 MiB", c.newValue(asciiText(8<<20)))
		p, _ := c.mustAppend(large, f)
		c.expectQuickPeek(peeker, fmt.Sprintf("Append %s, %v form, SentBy", large.name, f), p, f)
		for _, s := range append(c.samples(), c.referenceSamples()[0],
			c.ackSample("a text of 20,000 bytes", c.newValue(asciiText(20_000)))) {
			p, ok := c.mustAppend(s, f)
			if !ok {
				continue
			}
			for _, uid := range []string{s.env.UID, otherUID, "short"} {
				if n := allocationsPerCall(func() { peeker.SentBy(p, f, uid) }); n > 0 {
					c.fail(fmt.Sprintf("Append %s, %v form, SentBy %s", s.name, f, quote(uid)), "no allocation",
						"%d for each call", n)
				}
			}
		}
	}
}

// allocationsPerCall returns the number of allocations of f. Other goroutines may allocate too, so it returns
// the least of many measurements.
func allocationsPerCall(f func()) (least uint64) {
	const calls = 20
	var before, after runtime.MemStats
	for run := range 500 {
		runtime.Gosched() // give this goroutine a fresh time slice
		runtime.ReadMemStats(&before)
		for range calls {
			f()
		}
		runtime.ReadMemStats(&after)
		if n := (after.Mallocs - before.Mallocs) / calls; n < least || run == 0 {
			least = n
		}
		if least == 0 {
			break
		}
	}
	return least
}

// expectQuickPeek fails the check if SentBy reads more than the beginning of a large message.
func (c *codecChecker) expectQuickPeek(peeker codec.Peeker, called string, p []byte, f codec.Format) {
	c.Helper()
	const head = 4096
	q := bytes.Clone(p)
	for i := head; i < len(q); i++ {
		q[i] = 0xff
	}
	for what, q := range map[string][]byte{"cut to": p[:head], "overwritten after": q} {
		if !peeker.SentBy(q, f, sampleUID) {
			c.fail(fmt.Sprintf("%s, %s %d bytes", called, what, head), "true, because the sender comes before that",
				"false")
		}
	}
	// A SentBy that reads all bytes takes longer than the fastest way to read them.
	scan := func() { bytes.Count(p, []byte{'x'}) }
	peek := func() { peeker.SentBy(p, f, sampleUID); peeker.SentBy(p, f, otherUID) }
	calls := 1
	for timeCalls(calls, time.Minute, scan) < max(time.Millisecond, 20*clockResolution()) {
		calls *= 2
	}
	scans, peeks := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range 30 { // the best counts, because other goroutines may use the processor
		scans = min(scans, timeCalls(calls, time.Minute, scan))
		peeks = min(peeks, timeCalls(calls, 10*scans, peek))
	}
	if peeks >= scans/2 {
		c.fail(fmt.Sprintf("%s, %d times, of %d bytes", called, 2*calls, len(p)),
			fmt.Sprintf("much less than %v, the time to count a letter in these bytes %d times", scans, calls),
			"%v", peeks)
	}
}

// timeCalls returns how long n calls of f take, or fewer calls if they take longer than most.
func timeCalls(calls int, most time.Duration, f func()) time.Duration {
	start := time.Now()
	for range calls {
		if f(); time.Since(start) > most {
			break
		}
	}
	return time.Since(start)
}

// clockResolution returns the smallest step of the clock.
func clockResolution() time.Duration {
	for start := time.Now(); ; {
		if d := time.Since(start); d > 0 {
			return d
		}
	}
}
