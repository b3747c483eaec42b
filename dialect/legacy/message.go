package legacy

import (
	"bytes"
	"errors"
	"sync"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/jsontext"
)

// A message on the bus is a pair ["channel","payload"], in JSON. A draft is one that is being written.
type draft struct {
	channel []byte // as JSON text
	payload []byte
	plain   bool   // the payload needs no escapes in JSON
	node    string // this node's name in the census, for answers; empty if it has none
	buf     []byte // msgpack
}

var drafts = sync.Pool{New: func() any { return new(draft) }}

// maxIdle is the size of the largest buffers that drafts keep.
const maxIdle = 64 << 10

func (d *draft) release() {
	if cap(d.payload) <= maxIdle && cap(d.buf) <= maxIdle {
		drafts.Put(d)
	}
}

// write writes the channel and the payload of env.
func (w *wire) write(d *draft, env *codec.Envelope) error {
	d.channel, d.payload, d.plain = d.channel[:0], d.payload[:0], false
	switch {
	case env.AttachmentID != "":
		return unsupported(env.Type, "it sends large messages in pieces")
	case env.Opts.Nobody:
		return codec.ErrNobody
	case env.Type == codec.Broadcast:
		return d.broadcast(&w.names, env)
	}
	if d.node = env.Node; d.node == "" && env.Type.Response() {
		d.node = w.census.name(env.NSP)
	}
	return d.request(&w.names, env)
}

// Append implements dialect.Wire.
func (w *wire) Append(dst []byte, env *codec.Envelope) ([]byte, error) {
	if env.NSP == "" {
		return classic.AppendHeartbeat(dst, env, name)
	}
	d := drafts.Get().(*draft)
	defer d.release()
	if err := w.write(d, env); err != nil {
		return dst, err
	}
	return d.appendPair(dst), nil
}

// appendPair appends the whole message.
func (d *draft) appendPair(dst []byte) []byte {
	dst = append(append(dst, '['), d.channel...)
	if d.plain {
		dst = append(append(dst, `,"`...), d.payload...)
		return append(dst, `"]`...)
	}
	dst = jsontext.AppendString(append(dst, ','), string(d.payload))
	return append(dst, ']')
}

var (
	errPair   = errors.New("not a pair of two texts")
	errUTF8   = errors.New("not valid UTF-8")
	errHeader = errors.New("the header of a piece is not valid")
)

// Parse implements dialect.Wire. A message that was given up because pieces were missing is reported with the next
// call: as an error if that has nothing to deliver, otherwise as a skipped part of what it delivers.
func (w *wire) Parse(channel string, p []byte) (*codec.Envelope, error) {
	if channel == w.process {
		return newReader().Heartbeat(p)
	}
	w.pieces.expire()
	env, err := w.parsePair(p)
	return w.pieces.report(env, err)
}

func (w *wire) parsePair(p []byte) (*codec.Envelope, error) {
	i := jsontext.Space(p, 0)
	if i >= len(p) || p[i] != '[' {
		return nil, malformed("message", errPair)
	}
	channel, i, err := readString(p, i+1)
	if err != nil {
		return nil, err
	}
	channel = jsontext.Unquote(channel, nil)
	k, rest, ours := classic.Classify(w.prefix, channel)
	if !ours {
		return nil, nil
	}
	if i = jsontext.Space(p, i); i >= len(p) || p[i] != ',' {
		return nil, malformed("message", errPair)
	}
	payload, end, err := readString(p, i+1)
	if err != nil {
		return nil, err
	}
	r := newReader()
	if i = jsontext.Space(p, end); i < len(p) && p[i] == ',' { // more elements, which Node.js ignores
		end, err = jsontext.Skip(p, 0, codec.MaxDepth)
		r.Skipped++
	} else if i < len(p) && p[i] == ']' {
		end = i + 1
	} else {
		err = errPair
	}
	if err == nil && jsontext.Space(p, end) < len(p) {
		err = errPair
	}
	if err == nil && !utf8.Valid(p) {
		err = errUTF8
	}
	if err != nil {
		return nil, malformed("message", err)
	}
	if bytes.HasPrefix(payload, []byte(`"`+piecePrefix)) {
		if payload, err = w.pieces.add(channel, payload[1:len(payload)-1]); payload == nil {
			return nil, err
		}
	}
	return parsePayload(r, k, rest, jsontext.Unquote(payload, nil))
}

// readString returns the JSON string at p[i], with its quotes, and the index after it.
func readString(p []byte, i int) ([]byte, int, error) {
	i = jsontext.Space(p, i)
	if i >= len(p) || p[i] != '"' {
		return nil, i, malformed("message", errPair)
	}
	end, err := jsontext.SkipString(p, i)
	if err != nil {
		return nil, i, malformed("message", err)
	}
	return p[i:end], end, nil
}

// newReader returns a reader of messages.
func newReader() *classic.Reader { return &classic.Reader{Dialect: name} }

func malformed(field string, err error) error { return newReader().Malformed(field, err) }

// parsePayload reads a whole payload. rest is what follows the kind in the channel.
func parsePayload(r *classic.Reader, k classic.Kind, rest, payload []byte) (env *codec.Envelope, err error) {
	if k == classic.Broadcast {
		env, err = parseBroadcast(r, rest, payload)
	} else {
		env, err = parseRequest(r, k, rest, payload)
	}
	if env != nil {
		env.Skipped = r.Skipped
	}
	return env, err
}
