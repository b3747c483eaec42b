package conformance

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

var answerPeekChecks = []check[*codecChecker]{
	{"PeekedAnswersAgreeWithParse", "codec.AnswerPeeker.PeekAnswer",
		"If PeekAnswer returns an envelope, the message is an answer with data, and Parse finds the same Type, UID, " +
			"NSP and RequestID. Nodes drop the answers to the requests of others this way: a wrong envelope loses " +
			"an answer, or another message.", peekedAnswersAgree},
	{"PeekAnswerNeverPanics", "codec.AnswerPeeker.PeekAnswer",
		"PeekAnswer does not validate, but it never panics, whatever bytes it gets.", peekAnswerNeverPanics},
}

func (c *codecChecker) requireAnswerPeeker() codec.AnswerPeeker {
	c.Helper()
	p, ok := c.codec.(codec.AnswerPeeker)
	if !ok {
		c.Skip("the codec does not implement codec.AnswerPeeker")
	}
	return p
}

// answerSamples returns answers, and messages that contain what looks like one.
func (c *codecChecker) answerSamples() []sample {
	c.Helper()
	all := c.allSamples()
	inner := map[string]any{"uid": otherUID, "type": 8, "nsp": "/x", "data": map[string]any{"requestId": otherUID}}
	for _, text := range append(headerTexts(), "", "/chat", otherUID, strings.Repeat("n", 5000)) {
		for _, t := range []codec.Type{codec.FetchSocketsResponse, codec.ServerSideEmitResponse,
			codec.BroadcastClientCount, codec.BroadcastAck, codec.FetchSockets} {
			env := codec.Envelope{Type: t, UID: sampleUID, NSP: text, RequestID: "r" + text, ClientCount: 3,
				Rooms: []string{text}, Sockets: []codec.Socket{{ID: otherUID, Rooms: []string{text}}}}
			if t == codec.ServerSideEmitResponse || t == codec.BroadcastAck {
				env.Value = c.newValue(inner)
			}
			all = append(all, sample{name: fmt.Sprintf("%v about %s", t, quote(text)), env: &env})
			sentBy := env
			sentBy.UID = "u" + text
			all = append(all, sample{name: fmt.Sprintf("%v of the uid %s", t, quote(text)), env: &sentBy})
		}
	}
	return all
}

func peekedAnswersAgree(c *codecChecker) {
	peeker := c.requireAnswerPeeker()
	for _, s := range c.answerSamples() {
		for _, f := range forms {
			if p, ok := c.mustAppend(s, f); ok {
				called := s.called(f)
				c.expectPeekedAnswer(called, c.peekAnswer(peeker, called, p, f),
					func() *codec.Envelope { return c.mustParse(called, bytes.Clone(p), f) })
			}
		}
	}
	for _, g := range c.harness.Golden {
		if g.Envelope != nil {
			called := "the golden message " + quote(g.Name)
			c.expectPeekedAnswer(called, c.peekAnswer(peeker, called, g.Bytes, g.Format),
				func() *codec.Envelope { return g.Envelope })
		}
	}
}

// peekAnswer calls PeekAnswer, which must not panic.
func (c *codecChecker) peekAnswer(peeker codec.AnswerPeeker, called string, p []byte, f codec.Format,
) (env *codec.Envelope) {
	c.Helper()
	c.guardPanic(called+", PeekAnswer", func() { env = peeker.PeekAnswer(p, f) })
	return env
}

// expectPeekedAnswer fails the check if PeekAnswer has returned something else than parse does.
func (c *codecChecker) expectPeekedAnswer(called string, peeked *codec.Envelope, parse func() *codec.Envelope) {
	c.Helper()
	if peeked == nil {
		return
	}
	header := func(env *codec.Envelope) string {
		return fmt.Sprintf("%v of %s in %s, request %s", env.Type, quote(env.UID), quote(env.NSP), quote(env.RequestID))
	}
	env := parse()
	switch {
	case !env.Type.Response() || env.AttachmentID != "":
		c.fail(called+", PeekAnswer", "nil: it is no answer with data", "%s", header(peeked))
	case header(peeked) != header(env):
		c.fail(called+", PeekAnswer", header(env), "%s", header(peeked))
	}
}

func peekAnswerNeverPanics(c *codecChecker) {
	peeker := c.requireAnswerPeeker()
	for _, f := range forms {
		for _, g := range garbageInputs() {
			c.peekAnswer(peeker, fmt.Sprintf("foreign bytes %s, %v form", quote(g), f), []byte(g), f)
		}
		names, all := c.appendedSamples(f)
		for i, p := range all {
			for n := range p {
				called := fmt.Sprintf("%s, %v form, broken at byte %d of %d", names[i], f, n, len(p))
				c.peekAnswer(peeker, called, bytes.Clone(p[:n]), f)
				q := bytes.Clone(p)
				q[n] ^= 0xff
				c.peekAnswer(peeker, called, q, f)
			}
		}
	}
}
