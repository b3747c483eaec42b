package conformance

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

var attachChecks = []check[*dialectChecker]{
	{"BodiesRoundTrip", "dialect.Attacher",
		"ParseBody reads what AppendBody wrote: the whole message, of any size, with bytes, and with its " +
			"AttachmentKey.", bodiesRoundTrip},
	{"ReferencesRoundTrip", "codec.Envelope.AttachmentID",
		"With an AttachmentID the message is a reference: it arrives with its Type, its namespace, AttachmentID, " +
			"AttachmentKey and, for answers, RequesterUID. Without them nobody finds the body, or everybody fetches " +
			"it.", wireReferencesRoundTrip},
	{"ReferencesAreSmall", "transport.MinPayload",
		"A reference fits into transport.MinPayload. A large message would otherwise become one that is too large, " +
			"too.", referencesAreSmall},
	{"ForeignBodiesAreMalformed", "dialect.Attacher.ParseBody",
		"ParseBody has the rules of Parse: it never panics, and its errors wrap codec.ErrMalformed. Others can " +
			"write into the store as well.", foreignBodiesAreMalformed},
}

// requireAttacher returns the node's Attacher.
func (n *wireNode) requireAttacher() dialect.Attacher {
	n.Helper()
	a, ok := n.wire.(dialect.Attacher)
	if !ok {
		n.Skip("the Wire does not implement dialect.Attacher")
	}
	return a
}

// appendBody returns the body of a sample. It returns ok = false if the dialect has no such message.
func (n *wireNode) appendBody(a dialect.Attacher, dst []byte, s sample) (p []byte, ok bool) {
	n.Helper()
	called := n.called(s) + ", AppendBody"
	var err error
	n.data.guardPanic(called, func() { p, err = a.AppendBody(dst, s.env) })
	n.expectAllowedError(called, s, err, false)
	return p, err == nil
}

func (n *wireNode) parseBody(a dialect.Attacher, called string, p []byte) (env *codec.Envelope, err error) {
	n.Helper()
	n.data.guardPanic(called+", ParseBody", func() { env, err = a.ParseBody(p) })
	switch {
	case err != nil && !errors.Is(err, codec.ErrMalformed):
		n.fail(called+", ParseBody", "an error that wraps codec.ErrMalformed", "the error %q", err)
	case (env == nil) == (err == nil):
		n.fail(called+", ParseBody", "an envelope or an error", "the envelope %v and the error %v", env, err)
	}
	return env, err
}

func bodiesRoundTrip(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		a := n.requireAttacher()
		all := append(c.mixed()[:], c.broadcast("a text of a MiB", unicodeText(1<<20), false),
			c.broadcast("a MiB of bytes", randomBytes(1<<20), true))
		for _, s := range all {
			if s.env.NSP == "" {
				continue
			}
			for _, key := range []string{"", "00112233445566ff"} {
				t := with([]sample{s}, func(env *codec.Envelope) { env.AttachmentKey = key })[0]
				const before = "what was there"
				called := n.called(t) + ", AppendBody"
				p, ok := n.appendBody(a, []byte(before), t)
				if !ok {
					if _, carried := n.append(s); carried {
						c.fail(called, "no error, as from Append", "an error")
					}
					continue
				}
				if !bytes.HasPrefix(p, []byte(before)) {
					c.fail(called, quote(before)+" followed by the body", "%s", quote(string(p)))
				}
				body := bytes.Clone(p[len(before):])
				kept := bytes.Clone(body)
				env, err := n.parseBody(a, called, body)
				if err != nil {
					c.fail(called+", ParseBody", "no error", "the error %q", err)
				}
				n.expectSame(called+", ParseBody", t.env, env)
				if !bytes.Equal(body, kept) {
					c.fail(called+", ParseBody, look at the bytes again", quote(string(kept)), "%s",
						quote(string(body)))
				}
			}
		}
	})
}

func wireReferencesRoundTrip(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		n.requireAttacher()
		for _, id := range []string{"1", "9007199254740993", "00000000-0000-4000-8000-000000000000", "007", "-1", "1e3",
			"null", `s3://bucket/ключ?x=1&y="2"`, "18446744073709551616", " 1"} {
			for _, nsp := range []string{"/", "/chat"} {
				all := c.references(nsp, id)
				n.roundTrip(all...)
				n.roundTrip(with(all, func(env *codec.Envelope) { env.AttachmentKey = "" })...)
				for _, s := range all {
					if _, ok := n.append(s); !ok && n.carries(s.env.Type) && n.hasBody(s.env.Type) {
						c.fail(n.called(s), "no error, because there are bodies of this type",
							"a *fault.UnsupportedError")
					}
				}
			}
		}
	})
}

// hasBody reports whether the dialect has bodies of messages of a type.
func (n *wireNode) hasBody(t codec.Type) bool {
	n.Helper()
	for _, s := range n.samplesIn("/chat") {
		if s.env.Type == t {
			if _, ok := n.appendBody(n.requireAttacher(), nil, s); ok {
				return true
			}
		}
	}
	return false
}

func referencesAreSmall(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		n.requireAttacher()
		for _, nsp := range n.namespaces() {
			if len(nsp) > postgresLimits.Channel {
				continue
			}
			for _, s := range c.references(nsp, "00000000-0000-4000-8000-000000000000") {
				s.env.Nonce = 1<<53 - 1
				p, ok := n.append(s)
				if ok && len(p) > transport.MinPayload {
					c.fail(n.called(s), fmt.Sprintf("at most %d bytes", transport.MinPayload), "%d", len(p))
				}
			}
		}
	})
}

func foreignBodiesAreMalformed(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		a := n.requireAttacher()
		parse := func(called string, p []byte) {
			if env, err := n.parseBody(a, called, p); err == nil {
				n.useForeign(called, env)
			}
		}
		for _, g := range append(garbageInputs(), nearlyMessages...) {
			parse("foreign bytes "+quote(g), []byte(g))
		}
		for _, s := range append(c.samplesIn("/chat"), c.broadcast("bytes", []any{[]byte{1}}, true)) {
			p, ok := n.appendBody(a, nil, s)
			if !ok {
				continue
			}
			for _, i := range c.data.breakPositions(p, 0) {
				parse(fmt.Sprintf("the body of %s, cut to %d of %d bytes", s.name, i, len(p)), bytes.Clone(p[:i]))
				q := bytes.Clone(p)
				q[i] ^= 0xff
				parse(fmt.Sprintf("the body of %s, byte %d of %d xor 0xff", s.name, i, len(p)), q)
			}
			for _, i := range c.data.breakPositions(p, 1) {
				length := hostileLengths[i%len(hostileLengths)]
				called := fmt.Sprintf("the body of %s, with the length %q at byte %d", s.name, length, i)
				q := append(bytes.Clone(p[:i]), length...)
				const most = 4 << 20
				least := uint64(1 << 62)
				for try := 0; try < 100 && least > most; try++ { // other goroutines may allocate too
					least = min(least, allocatedBytes(func() { parse(called, q) }))
				}
				if least > most {
					c.fail(called+", ParseBody", fmt.Sprintf("at most %d bytes allocated", most), "%d", least)
				}
			}
		}
	})
}
