package conformance

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
)

var dialectPeekChecks = []check[*dialectChecker]{
	{"PeekFindsOwnMessages", "dialect.Peeker",
		"SentBy is true for every message that names its sender, if that is codec.EmitterUID or has 16 hexadecimal " +
			"digits, as the uids of nodes have. Otherwise a node parses everything that it has sent itself.",
		wirePeekFindsOwn},
	{"PeekAgreesWithParse", "dialect.Peeker",
		"If SentBy returns true, Parse finds this sender. The cluster drops its own messages this way: a true for " +
			"another node's message loses that message.", wirePeekAgrees},
	{"PeekNeverPanics", "dialect.Peeker",
		"SentBy does not validate, but it never panics either. It is the first to read foreign bytes.",
		wirePeekNeverPanics},
	{"PeekIsCheap", "codec.Peeker.SentBy",
		"SentBy allocates nothing and reads no further than the sender, however large the message is. It is called " +
			"for every message.", wirePeekIsCheap},
}

// bytesPeeker is the Peeker of a Wire as that of a codec.
type bytesPeeker struct{ dialect.Peeker }

func (b bytesPeeker) SentBy(p []byte, _ codec.Format, uid string) bool {
	return b.Peeker.SentBy(p, uid)
}

// requirePeeker returns the node's Peeker.
func (n *wireNode) requirePeeker() codec.Peeker {
	n.Helper()
	p, ok := n.wire.(dialect.Peeker)
	if !ok {
		n.Skip("the Wire does not implement dialect.Peeker")
	}
	return bytesPeeker{p}
}

// peekSamples returns messages of all types, in several namespaces and sizes.
func (n *wireNode) peekSamples() []sample {
	n.Helper()
	all := append(n.mixed(), n.references("/chat", "1")...)
	for _, nsp := range n.namespaces() {
		all = append(all, n.samplesIn(nsp)[6:9]...)
	}
	for _, size := range []int{1000, 4096, 65_536, 1 << 20} {
		all = append(all, n.broadcast(fmt.Sprintf("a text of %d bytes", size), asciiText(size), false),
			n.broadcast(fmt.Sprintf("%d bytes", size), randomBytes(size), true))
	}
	return all
}

func wirePeekFindsOwn(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		peeker := n.requirePeeker()
		for i, s := range n.peekSamples() {
			for _, uid := range []string{sampleUID, "0000000000000000", codec.EmitterUID,
				fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15)} {
				t := with([]sample{s}, func(env *codec.Envelope) { env.UID, env.Nonce = uid, uint64(i%3) })[0]
				p, ok := n.append(t)
				if !ok {
					continue
				}
				called := fmt.Sprintf("%s of %s", n.called(t), quote(uid))
				channel := n.channel(n.route(t.env.NSP, uid), t)
				named := n.mustParse(called, channel, bytes.Clone(p)).UID != ""
				if named && len(c.data.sentByWhich(peeker, called, p, 0, uid)) == 0 {
					c.fail(called+", SentBy "+quote(uid), "true", "false, for %s", quote(string(p)))
				}
			}
		}
	})
}

func wirePeekAgrees(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		peeker := n.requirePeeker()
		all := n.peekSamples()
		opts := codec.Opts{Rooms: []string{otherUID}, Except: []string{otherUID}}
		for _, env := range []codec.Envelope{ // another node's uid wherever it may be
			{Type: codec.Heartbeat, Process: otherUID, CloseHash: otherUID, Clock: 1, Nonce: 1},
			{Type: codec.AdapterClose, CloseKey: otherUID},
			{Type: codec.Broadcast, AttachmentID: otherUID, AttachmentKey: otherUID},
			{Type: codec.Broadcast, Opts: opts,
				Args: c.data.newArgs(otherUID, otherUID, map[string]any{otherUID: otherUID, "uid": otherUID},
					`{"uid":"`+otherUID+`","type":2`)},
			{Type: codec.Broadcast, Opts: codec.Opts{Rooms: []string{otherUID}}, Args: c.data.newArgs(otherUID)},
			{Type: codec.SocketsJoin, Opts: opts, Rooms: []string{otherUID}},
			{Type: codec.BroadcastAck, RequestID: otherUID, Value: c.data.newValue(map[string]any{"uid": otherUID})},
			{Type: codec.CustomRequest, RequestID: otherUID, Value: c.data.newValue(map[string]any{"uid": otherUID})},
			{Type: codec.ListSocketsResponse, RequestID: otherUID, Rooms: []string{otherUID}},
		} {
			for _, nsp := range []string{"/", "/" + otherUID} {
				env := env
				env.UID, env.NSP, env.RequesterUID = sampleUID, nsp, otherUID
				all = append(all, sample{name: fmt.Sprintf("%v full of %s", env.Type, otherUID), env: &env})
			}
		}
		for _, s := range all {
			if p, ok := n.append(s); ok {
				n.expectPeekAgrees(peeker, n.called(s), n.channel(n.route(s.env.NSP, sampleUID), s), p)
			}
		}
	})
}

// expectPeekAgrees fails the check if SentBy returns true for another uid than the sender's.
func (n *wireNode) expectPeekAgrees(peeker codec.Peeker, called, channel string, p []byte) {
	n.Helper()
	env := n.mustParse(called, channel, bytes.Clone(p))
	uids := []string{env.UID, env.UID + "x", env.UID + "\x00", strings.ToUpper(sampleUID), env.NSP, env.RequesterUID,
		"x",
		codec.EmitterUID, sampleUID, otherUID, otherUID[:15], sampleUID[:15], sampleUID[1:], sampleUID[:8],
		sampleUID[:15] + "~", "~" + sampleUID[1:]}
	for _, uid := range n.data.sentByWhich(peeker, called, p, 0, uids...) {
		if uid != env.UID || uid == "" {
			n.fail(called+", SentBy "+quote(uid), "false, because Parse finds the sender "+quote(env.UID), "true")
		}
	}
}

func wirePeekNeverPanics(c *dialectChecker) {
	uids := []string{"", "u", sampleUID, strings.Repeat("u", 1000)}
	c.eachBus(func(n *wireNode) {
		peeker := n.requirePeeker()
		for _, g := range append(garbageInputs(), nearlyMessages...) {
			c.data.sentByWhich(peeker, "foreign bytes "+quote(g), []byte(g), 0, uids...)
		}
		for _, m := range n.encoded() {
			for i := range m.p {
				called := fmt.Sprintf("%s, broken at byte %d of %d", n.called(m.s), i, len(m.p))
				c.data.sentByWhich(peeker, called, bytes.Clone(m.p[:i]), 0, uids...)
				q := bytes.Clone(m.p)
				q[i] ^= 0xff
				c.data.sentByWhich(peeker, called, q, 0, uids...)
			}
		}
	})
}

func wirePeekIsCheap(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		peeker := n.requirePeeker()
		large := c.broadcast("a text of 8 MiB", asciiText(8<<20), false)
		p, _ := n.append(large)
		if len(c.data.sentByWhich(peeker, n.called(large), p, 0, sampleUID)) > 0 {
			c.data.expectQuickPeek(peeker, n.called(large)+", SentBy", p, 0)
		}
		for _, s := range append(c.samplesIn("/chat"), c.broadcast("a text of 20,000 bytes", asciiText(20_000),
			false)) {
			p, ok := n.append(s)
			if !ok {
				continue
			}
			for _, uid := range []string{s.env.UID, otherUID, "short"} {
				if count := allocationsPerCall(func() { peeker.SentBy(p, 0, uid) }); count > 0 {
					c.fail(fmt.Sprintf("%s, SentBy %s", n.called(s), quote(uid)), "no allocation", "%d for each call",
						count)
				}
			}
		}
	})
}
