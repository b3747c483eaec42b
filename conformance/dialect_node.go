package conformance

import (
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// wireNode is a Wire of the dialect, and what is known about it.
type wireNode struct {
	*dialectChecker
	wire    dialect.Wire
	options dialect.Options
	census  bool            // the Wire is a Census, or Counted
	named   map[string]bool // by type: whether its messages name their sender
}

// showOptions describes options in a failure's text.
func showOptions(o dialect.Options) string {
	s := fmt.Sprintf("prefix %s, %s", quote(o.Prefix), showLimits(o.Limits))
	if o.Signed {
		s += ", Signed"
	}
	return s
}

func showLimits(l transport.Limits) string {
	if l == (transport.Limits{}) {
		return "a bus without limits"
	}
	carries := "bytes"
	if l.Text {
		carries = "text"
	}
	return fmt.Sprintf("a bus of %s with payloads of %d bytes and channels of %d", carries, l.Payload, l.Channel)
}

// called describes the Append of the sample in a failure's text.
func (n *wireNode) called(s sample) string {
	return fmt.Sprintf("Append %s in %s for %s", s.name, quote(s.env.NSP), showLimits(n.options.Limits))
}

// route returns the route of a node whose namespace must be accepted.
func (n *wireNode) route(nsp, uid string) dialect.Route {
	n.Helper()
	r, err := n.tryRoute(nsp, uid)
	if err != nil {
		n.fail(n.calledNamespace(nsp, uid), "no error", "the error %q", err)
	}
	return r
}

func (n *wireNode) calledNamespace(nsp, uid string) string {
	return fmt.Sprintf("Open with %s, Namespace %s of %s", showOptions(n.options), quote(nsp), quote(uid))
}

// tryRoute calls Namespace. It must return either a route that listens to something or a *fault.NameError.
func (n *wireNode) tryRoute(nsp, uid string) (r dialect.Route, err error) {
	n.Helper()
	called := n.calledNamespace(nsp, uid)
	n.data.guardPanic(called, func() { r, err = n.wire.Namespace(nsp, uid) })
	if (r == nil) == (err == nil) {
		n.fail(called, "a Route or an error", "the Route %v and the error %v", r, err)
	}
	if err != nil {
		var wrong *fault.NameError
		if !errors.As(err, &wrong) {
			n.fail(called, "a *fault.NameError", "the error %q", err)
		}
		return nil, err
	}
	if len(n.listen(r)) == 0 {
		n.fail(called+", Listen", "at least one channel", "none")
	}
	return r, nil
}

func (n *wireNode) listen(r dialect.Route) (channels []string) {
	n.Helper()
	n.data.guardPanic("Namespace, Listen", func() { channels = r.Listen() })
	return channels
}

func (n *wireNode) channel(r dialect.Route, s sample) (channel string) {
	n.Helper()
	n.data.guardPanic("Channel for "+s.name, func() { channel = r.Channel(s.env) })
	return channel
}

// required reports whether the dialect must have a message for env.
func (n *wireNode) required(env *codec.Envelope) bool {
	switch {
	case env.AttachmentID != "":
		return false
	case env.NSP == "":
		return env.Type == codec.Heartbeat
	case env.Type == codec.Broadcast:
		return env.RequestID == ""
	case n.census:
		return false
	}
	return env.Type == codec.InitialHeartbeat || env.Type == codec.Heartbeat || env.Type == codec.AdapterClose
}

// tryAppend calls Append, whose error must be one of those that the message allows.
func (n *wireNode) tryAppend(dst []byte, s sample) (p []byte, err error) {
	n.Helper()
	called := n.called(s)
	n.data.guardPanic(called, func() { p, err = n.wire.Append(dst, s.env) })
	n.expectAllowedError(called, s, err, n.options.Limits.Text)
	return p, err
}

// expectAllowedError fails the check if a message must not have this error. text: what is written is text.
func (n *wireNode) expectAllowedError(called string, s sample, err error, text bool) {
	n.Helper()
	var unsupported *fault.UnsupportedError
	var wrong *fault.NameError
	switch {
	case err == nil:
	case errors.As(err, &unsupported), errors.As(err, &wrong):
		if n.required(s.env) {
			n.fail(called, "no error: every dialect has this message", "the error %q", err)
		}
	case errors.Is(err, codec.ErrBinary):
		if !s.hasBytes || !text && s.env.Type == codec.Broadcast {
			n.fail(called, "no ErrBinary: the message has no bytes, or the bus carries them", "the error %q", err)
		}
	default:
		n.fail(called, "no error, or a *fault.UnsupportedError", "the error %q", err)
	}
}

// append returns the encoded sample. It returns ok = false if the dialect has no such message.
func (n *wireNode) append(s sample) (p []byte, ok bool) {
	n.Helper()
	p, err := n.tryAppend(nil, s)
	return p, err == nil
}

// parse calls Parse, whose errors must be those that are documented.
func (n *wireNode) parse(called, channel string, p []byte) (env *codec.Envelope, err error) {
	n.Helper()
	called += ", Parse"
	n.data.guardPanic(called, func() { env, err = n.wire.Parse(channel, p) })
	switch {
	case errors.Is(err, dialect.ErrForeign):
		if env == nil {
			n.fail(called, "ErrForeign with the envelope", "no envelope")
		}
	case err != nil && !errors.Is(err, codec.ErrMalformed):
		n.fail(called, "an error that wraps codec.ErrMalformed or dialect.ErrForeign", "the error %q for %s", err,
			quote(string(p)))
	case err != nil && env != nil:
		n.fail(called, "no envelope, because there is an error", "%+v and the error %q", env, err)
	}
	return env, err
}

// mustParse returns the envelope of a message that the dialect has written.
func (n *wireNode) mustParse(called, channel string, p []byte) *codec.Envelope {
	n.Helper()
	env, err := n.parse(called, channel, p)
	if err != nil {
		n.fail(called+", Parse", "no error", "the error %q for %s on %s", err, quote(string(p)), quote(channel))
	}
	if env == nil {
		n.fail(called+", Parse", "an envelope", "nothing for %s on %s", quote(string(p)), quote(channel))
	}
	return env
}

// roundTrip fails the check unless samples that the dialect has arrive as they were sent.
func (n *wireNode) roundTrip(samples ...sample) {
	n.Helper()
	for _, s := range samples {
		p, ok := n.append(s)
		if !ok {
			continue
		}
		called := n.called(s)
		channel := n.channel(n.route(s.env.NSP, s.env.UID), s)
		n.expectSame(called+", Parse", s.env, n.mustParse(called, channel, p))
	}
}

// expectSame fails the check unless got means the same as want. A message may lack its sender if all of its type do.
func (n *wireNode) expectSame(called string, want, got *codec.Envelope) {
	n.Helper()
	wanted := *want
	if kindOf(got.Type) == kindOf(want.Type) {
		wanted.Type = got.Type
	}
	kind := kindOf(want.Type).String()
	if want.AttachmentID != "" {
		kind = "reference to " + kind
	}
	if named, known := n.named[kind]; !known {
		n.named[kind] = got.UID != ""
	} else if want.UID != "" && named != (got.UID != "") {
		n.fail(called, fmt.Sprintf("the sender %s or none, as in the other messages of type %s", quote(want.UID), kind),
			"the sender %s", quote(got.UID))
	}
	if got.UID == "" && want.NSP != "" {
		wanted.UID = ""
	}
	if want.AttachmentID == "" && got.RequesterUID == "" {
		wanted.RequesterUID = "" // only references have to name it
	}
	wanted.Nonce = 0
	if want.Type == codec.SocketChanged {
		wanted.Opts, got.Opts = codec.Opts{}, codec.Opts{}
	}
	var d *difference
	n.data.guardPanic(called+", decode the data", func() { d = diffEnvelopes(&wanted, got) })
	if d != nil {
		n.fail(called, d.where+" is "+d.want, "%s", d.got)
	}
}

// kindOf returns t, or ListRoomsResponse for both answers with rooms: only their RequestID says what was asked for.
func kindOf(t codec.Type) codec.Type {
	if t == codec.SocketRoomsResponse {
		return codec.ListRoomsResponse
	}
	return t
}

// hears returns under which of the names that a node listens to the messages of a channel arrive.
func hears(heard []string, channel string) (names []string) {
	for _, name := range heard {
		prefix, many := transport.CutPrefixName(name)
		if name == channel || many && strings.HasPrefix(channel, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// namesOf returns names for a failure's text.
func namesOf(channels []string) string {
	quoted := make([]string, len(channels))
	for i, c := range channels {
		quoted[i] = quote(c)
	}
	return strings.Join(quoted, ", ")
}
