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

var peekChecks = []check[*codecCase]{
	{"PeekKnowsItsOwn", "SentBy is true for what Append wrote with a UID as nodes have them, 16 hexadecimal digits, or with EmitterUID: of every type and size, in " +
		"both forms. Otherwise a node parses everything that it has sent itself.", peekKnowsItsOwn},
	{"PeekAgreesWithParse", "If SentBy says yes, Parse finds this sender. The cluster drops its own messages by it without reading on: a yes about another's " +
		"loses a peer's message.", peekAgreesWithParse},
	{"PeekIsCalm", "SentBy does not validate, but it never panics either. It sees foreign bytes first.", peekIsCalm},
	{"PeekCostsLittle", "SentBy allocates nothing and reads no further than the sender, however large the message is. It is asked about every message.", peekCostsLittle},
}

func (c *codecCase) peeker() codec.Peeker {
	c.Helper()
	p, ok := c.codec.(codec.Peeker)
	if !ok {
		c.Skip("the codec is no codec.Peeker")
	}
	return p
}

// peek asks about p and returns for which of uids SentBy says yes.
func (c *codecCase) peek(peeker codec.Peeker, called string, p []byte, f codec.Format, uids ...string) (yes []string) {
	c.Helper()
	for _, uid := range uids {
		c.calm(called+", SentBy "+quote(uid), func() {
			if peeker.SentBy(p, f, uid) {
				yes = append(yes, uid)
			}
		})
	}
	return yes
}

func peekKnowsItsOwn(c *codecCase) {
	peeker := c.peeker()
	all := c.all()
	for _, n := range dataSizes {
		all = append(all, c.answer(fmt.Sprintf("a text of %d bytes", n), c.value(ascii(n))))
		all = append(all, carry(fmt.Sprintf("%d bytes", n), codec.FromTree(binaries(n)), true)[0])
	}
	all = append(all, c.answer("a text of a MiB", c.value(ascii(1<<20))), carry("a MiB of bytes", codec.FromTree(binaries(1<<20)), true)[0])
	for _, text := range headers() {
		all = append(all, sample{name: "HEARTBEAT of " + quote(text), env: &codec.Envelope{Type: codec.Heartbeat, NSP: text, Process: text, CloseHash: text}})
	}
	for i, s := range all {
		for _, uid := range []string{sampleUID, "fedcba9876543210", "0000000000000000", codec.EmitterUID, fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15)} {
			env := *s.env
			env.UID, env.Nonce = uid, uint64(i%3)
			for _, f := range forms {
				if p, ok := c.write(sample{s.name, &env, s.binary}, f); ok {
					called := fmt.Sprintf("Append %s of %s, %v form", s.name, quote(uid), f)
					if len(c.peek(peeker, called, p, f, uid)) == 0 {
						c.fail(called+", SentBy "+quote(uid), "true", "false, for %s", quote(string(p)))
					}
				}
			}
		}
	}
}

func peekAgreesWithParse(c *codecCase) {
	peeker := c.peeker()
	all := c.all()
	for _, text := range headers() {
		all = append(all,
			sample{name: "HEARTBEAT of " + quote(text), env: &codec.Envelope{Type: codec.Heartbeat, UID: codec.EmitterUID, NSP: text}},
			sample{name: "HEARTBEAT of the uid " + quote(text), env: &codec.Envelope{Type: codec.Heartbeat, UID: text, NSP: "/"}},
			sample{name: "BROADCAST of " + quote(text), env: &codec.Envelope{Type: codec.Broadcast, UID: "u" + text, NSP: text, Args: c.args("e", map[string]any{"uid": "x", "type": 1, "nsp": "y"})}})
	}
	// Another's uid wherever it may stand.
	opts := codec.Opts{Rooms: []string{otherUID}, Except: []string{otherUID}}
	for _, env := range []codec.Envelope{
		{Type: codec.Heartbeat, Process: otherUID, CloseHash: otherUID, Clock: 1, Nonce: 1},
		{Type: codec.AdapterClose, CloseKey: otherUID},
		{Type: codec.FetchSocketsResponse, AttachmentID: otherUID, AttachmentKey: otherUID, RequesterUID: otherUID},
		{Type: codec.Broadcast, Opts: opts, RequestID: otherUID, Args: c.args(otherUID, otherUID, map[string]any{otherUID: otherUID, "uid": otherUID}, `{"uid":"`+otherUID+`","type":2`)},
		{Type: codec.SocketsJoin, Opts: opts, Rooms: []string{otherUID}},
		{Type: codec.BroadcastAck, RequestID: otherUID, Value: c.value(map[string]any{"uid": otherUID})},
	} {
		env.NSP = otherUID
		for _, uid := range []string{sampleUID, "", "u", otherUID[1:], otherUID + "0", `x","uid":"` + otherUID, otherUID + `","type":2,"uid":"x`, "\xa3uid\xb0" + otherUID} {
			env.UID = uid
			all = append(all, sample{name: fmt.Sprintf("%v of %s, full of %s", env.Type, quote(uid), otherUID), env: &env})
			env := env
			all[len(all)-1].env = &env
		}
	}
	for _, s := range all {
		for _, f := range forms {
			if p, ok := c.write(s, f); ok {
				c.comparePeek(peeker, fmt.Sprintf("Append %s, %v form", s.name, f), p, f)
			}
		}
	}
	for _, g := range c.harness.Golden {
		if g.Envelope != nil {
			c.comparePeek(peeker, "the golden message "+quote(g.Name), g.Bytes, g.Format)
		}
	}
}

// comparePeek asks whether p is from its sender, and whether it is from others who could be taken for it.
func (c *codecCase) comparePeek(peeker codec.Peeker, called string, p []byte, f codec.Format) {
	c.Helper()
	env := c.read(called, bytes.Clone(p), f)
	uids := []string{env.UID, "", env.UID + "x", env.UID + "\x00", strings.ToUpper(env.UID), env.NSP, env.RequesterUID, "x", "x" + env.UID, codec.EmitterUID, sampleUID, otherUID, otherUID[:15]}
	if env.UID != "" {
		uids = append(uids, env.UID[:len(env.UID)-1], env.UID[1:], env.UID[:len(env.UID)/2], env.UID[:len(env.UID)-1]+"~", "~"+env.UID[1:])
	}
	escaped, _ := json.Marshal(env.UID) // cannot fail
	uids = append(uids, string(escaped[1:len(escaped)-1]), string(bytes.ReplaceAll(escaped[1:len(escaped)-1], []byte(`\`), nil)))
	for _, uid := range c.peek(peeker, called, p, f, uids...) {
		if uid != env.UID {
			c.fail(called+", SentBy "+quote(uid), "false: Parse finds "+quote(env.UID), "true")
		}
	}
}

func peekIsCalm(c *codecCase) {
	peeker := c.peeker()
	uids := []string{"", "u", strings.Repeat("u", 1000)}
	for _, f := range forms {
		for _, g := range garbage() {
			c.peek(peeker, fmt.Sprintf("foreign bytes %s, %v form", quote(g), f), []byte(g), f, uids...)
		}
		names, all := c.written(f)
		for i, p := range all {
			own := c.read(names[i], bytes.Clone(p), f).UID
			for n := range p {
				called := fmt.Sprintf("%s, %v form, broken at byte %d of %d", names[i], f, n, len(p))
				c.peek(peeker, called, bytes.Clone(p[:n]), f, append(uids, own)...)
				q := bytes.Clone(p)
				q[n] ^= 0xff
				c.peek(peeker, called, q, f, append(uids, own)...)
				if _, err := c.codec.Parse(bytes.Clone(q), f); err == nil {
					c.comparePeek(peeker, called, q, f)
				}
			}
		}
	}
}

func peekCostsLittle(c *codecCase) {
	peeker := c.peeker()
	for _, f := range forms {
		large := c.answer("a text of 8 MiB", c.value(ascii(8<<20)))
		p, _ := c.write(large, f)
		c.peekQuickly(peeker, fmt.Sprintf("Append %s, %v form, SentBy", large.name, f), p, f)
		for _, s := range append(c.samples(), c.references()[0], c.answer("a text of 20,000 bytes", c.value(ascii(20_000)))) {
			p, ok := c.write(s, f)
			if !ok {
				continue
			}
			for _, uid := range []string{s.env.UID, otherUID, "short"} {
				if n := mallocs(func() { peeker.SentBy(p, f, uid) }); n > 0 {
					c.fail(fmt.Sprintf("Append %s, %v form, SentBy %s", s.name, f, quote(uid)), "no allocation", "%d for each call", n)
				}
			}
		}
	}
}

// mallocs returns how many allocations f makes at least. Other goroutines may allocate too, so the best of many runs counts.
func mallocs(f func()) (least uint64) {
	const calls = 20
	var before, after runtime.MemStats
	for run := range 500 {
		runtime.Gosched() // so that this goroutine has some time before others have theirs
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

// peekQuickly proves that SentBy of a large message looks at its beginning only.
func (c *codecCase) peekQuickly(peeker codec.Peeker, called string, p []byte, f codec.Format) {
	c.Helper()
	const head = 4096
	q := bytes.Clone(p)
	for i := head; i < len(q); i++ {
		q[i] = 0xff
	}
	for what, q := range map[string][]byte{"cut to": p[:head], "made foreign behind": q} {
		if !peeker.SentBy(q, f, sampleUID) {
			c.fail(fmt.Sprintf("%s, %s %d bytes", called, what, head), "true: the sender has been read before", "false")
		}
	}
	// One that looks at all bytes, yet does not care, takes longer than the quickest way to do that.
	scan := func() { bytes.Count(p, []byte{'x'}) }
	peek := func() { peeker.SentBy(p, f, sampleUID); peeker.SentBy(p, f, otherUID) }
	calls := 1
	for took(calls, time.Minute, scan) < max(time.Millisecond, 20*resolution()) {
		calls *= 2
	}
	scans, peeks := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range 30 { // the best counts, as others may have the processor meanwhile
		scans = min(scans, took(calls, time.Minute, scan))
		peeks = min(peeks, took(calls, 10*scans, peek))
	}
	if peeks >= scans/2 {
		c.fail(fmt.Sprintf("%s, %d times, of %d bytes", called, 2*calls, len(p)), fmt.Sprintf("that it takes much less than the %v that it takes to count a letter in them %d times", scans, calls),
			"%v", peeks)
	}
}

// took returns how long it takes to call f so many times, or less often if that takes more than most.
func took(calls int, most time.Duration, f func()) time.Duration {
	start := time.Now()
	for range calls {
		if f(); time.Since(start) > most {
			break
		}
	}
	return time.Since(start)
}

// resolution returns the smallest step of the clock that can be seen.
func resolution() time.Duration {
	for start := time.Now(); ; {
		if d := time.Since(start); d > 0 {
			return d
		}
	}
}
