package redisclassic

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/msgpack"
	"github.com/backplane-go/backplane/transport"
)

// Append implements dialect.Wire.
func (w *wire) Append(dst []byte, env *codec.Envelope) (p []byte, err error) {
	switch {
	case env.NSP == "":
		return classic.AppendHeartbeat(dst, env, name)
	case env.AttachmentID != "":
		return dst, unsupported(env.Type, "it has no references to messages in a store")
	case env.Opts.Nobody:
		return dst, codec.ErrNobody
	case env.Type == codec.Broadcast && env.RequestID == "":
		m := msgpack.NewWriter(dst, msgpack.Notepack)
		err = classic.WriteBroadcast(m, env, classic.PacketEvent)
		p = m.Release()
	default:
		p, err = appendRequest(dst, env)
	}
	if err != nil {
		return dst, err
	}
	return p, nil
}

var errUTF8 = errors.New("not valid UTF-8")

// Parse implements dialect.Wire. The channel is one that a node listens to, or one on which a message was published.
func (w *wire) Parse(channel string, p []byte) (*codec.Envelope, error) {
	r := newReader()
	if channel == w.process() {
		return r.Heartbeat(p)
	}
	channel, whole := transport.CutPrefixName(channel)
	k, rest, ours := classic.Classify(w.prefix, channel)
	if !ours {
		return nil, nil
	}
	var env *codec.Envelope
	var err error
	switch k {
	case classic.Broadcast:
		env, err = parseBroadcast(r, rest, whole, p)
	case classic.Request:
		if nsp, ok := requested(rest); ok {
			env, err = parseRequest(r, nsp, p)
		}
	case classic.Response:
		if nsp, ok := w.answered(rest); ok {
			env, err = parseAnswer(r, nsp, p)
		}
	}
	if env != nil {
		env.Skipped = r.Skipped
	}
	return env, err
}

// parseBroadcast reads a codec.Broadcast. rest is what follows the kind in its channel. whole: the channel is that of
// all rooms of a namespace, and perhaps of namespaces whose names begin with that and "#", which hear the message too.
func parseBroadcast(r *classic.Reader, rest string, whole bool, p []byte) (*codec.Envelope, error) {
	env, err := r.Broadcast(p)
	switch {
	case err != nil:
		return nil, err
	case !whole && classic.Belongs([]byte(rest), env.NSP, &env.Opts), whole && rest == env.NSP+"#":
		return env, nil
	case whole && strings.HasPrefix(env.NSP, rest):
		return nil, nil
	}
	return env, dialect.ErrForeign
}

// object is the content of a request or an answer. Its members stay encoded, and the last one of a key counts.
type object map[string]classic.Raw

// tree returns the value of a member, nil if there is none.
func (o object) tree(key string) any { return o[key].Tree() }

// has reports whether there is a member that is not null.
func (o object) has(key string) bool { return !o[key].Value().IsNull() }

// readObject reads the content of a request or an answer, and its sender and id. As in Node.js, the first byte says
// whether it is JSON.
func readObject(r *classic.Reader, env *codec.Envelope, what string, p []byte) (object, error) {
	encoding := codec.Encoding(msgpack.Notepack)
	if len(p) > 0 && p[0] == '{' {
		encoding = codec.JSON
	}
	raw, err := classic.Check(encoding, p)
	if err == nil && encoding == codec.JSON && !utf8.Valid(p) {
		err = errUTF8
	}
	if err != nil {
		return nil, r.Malformed(what, err)
	}
	o := make(object)
	if !raw.Members(func(key string, value classic.Raw) {
		if known[key] {
			o[key] = value
		} else {
			r.Skipped++
		}
	}) {
		return nil, r.Malformed(what, classic.ErrNotMap)
	}
	for key, to := range map[string]*string{"uid": &env.UID, "requestId": &env.RequestID} {
		if t := o.tree(key); t != nil {
			var ok bool
			if *to, ok = classic.Text(t); !ok {
				r.Skipped++
			}
		}
	}
	return o, nil
}

// known lists the keys of requests and answers. The last three are ours.
var known = map[string]bool{
	"uid": true, "requestId": true, "type": true, "rooms": true, "opts": true, "sid": true, "room": true, "close": true,
	"data": true, "packet": true, "sockets": true, "clientCount": true, "rest": true, "nonce": true,
}
