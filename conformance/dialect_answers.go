package conformance

import (
	"bytes"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
)

var dialectAnswerChecks = []check[*dialectChecker]{
	{"PeekedAnswersAgreeWithParse", "dialect.AnswerPeeker",
		"If PeekAnswer returns an envelope, the message is an answer with data, and Parse finds the same Type, UID, " +
			"NSP and RequestID. Nodes drop the answers to the requests of others this way: a wrong envelope loses " +
			"an answer, or another message.", wirePeekedAnswersAgree},
	{"PeekAnswerNeverPanics", "dialect.AnswerPeeker",
		"PeekAnswer does not validate, but it never panics, whatever bytes it gets.", wirePeekAnswerNeverPanics},
}

func (n *wireNode) requireAnswerPeeker() dialect.AnswerPeeker {
	n.Helper()
	p, ok := n.wire.(dialect.AnswerPeeker)
	if !ok {
		n.Skip("the Wire does not implement dialect.AnswerPeeker")
	}
	return p
}

func wirePeekedAnswersAgree(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		peeker := n.requireAnswerPeeker()
		for _, s := range n.peekSamples() {
			p, ok := n.append(s)
			if !ok {
				continue
			}
			for _, channel := range []string{n.channel(n.route(s.env.NSP, sampleUID), s), "another channel", ""} {
				called := fmt.Sprintf("%s on channel %s", n.called(s), quote(channel))
				var peeked *codec.Envelope
				c.data.guardPanic(called+", PeekAnswer", func() { peeked = peeker.PeekAnswer(channel, p) })
				if peeked == nil {
					continue
				}
				env, err := n.parse(called, channel, bytes.Clone(p))
				if err != nil || env == nil {
					n.fail(called+", PeekAnswer", "nil, because Parse finds no message", "%v", peeked.Type)
				}
				c.data.expectPeekedAnswer(called, peeked, func() *codec.Envelope { return env })
			}
		}
	})
}

func wirePeekAnswerNeverPanics(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		peeker := n.requireAnswerPeeker()
		peek := func(called, channel string, p []byte) {
			c.data.guardPanic(called+", PeekAnswer", func() { peeker.PeekAnswer(channel, p) })
		}
		for _, m := range n.encoded() {
			for _, g := range append(garbageInputs(), nearlyMessages...) {
				peek("foreign bytes "+quote(g), m.channel, []byte(g))
			}
			for i := range m.p {
				called := fmt.Sprintf("%s, broken at byte %d of %d", n.called(m.s), i, len(m.p))
				peek(called, m.channel, bytes.Clone(m.p[:i]))
				q := bytes.Clone(m.p)
				q[i] ^= 0xff
				peek(called, m.channel, q)
			}
		}
	})
}
