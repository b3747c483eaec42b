package redisclassic

import (
	"bytes"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// SentBy implements dialect.Peeker. Broadcasts begin with their sender, and so do the requests and answers of this
// library and the requests of Node.js.
func (w *wire) SentBy(p []byte, uid string) bool {
	if rest, ok := bytes.CutPrefix(p, []byte(`{"uid":"`)); ok {
		return len(rest) > len(uid) && string(rest[:len(uid)]) == uid && rest[len(uid)] == '"'
	}
	head, err := msgpack.ReadHead(p, 0)
	if err != nil || head.N == 0 {
		return false
	}
	at := head.At
	switch head.Kind {
	case msgpack.KindArray:
	case msgpack.KindMap:
		const key = "\xa3uid"
		if !bytes.HasPrefix(p[at:], []byte(key)) {
			return false
		}
		at += len(key)
	default:
		return false
	}
	sender, err := msgpack.ReadHead(p, at)
	return err == nil && sender.Kind == msgpack.KindStr && sender.N == len(uid) && len(p)-sender.At >= sender.N &&
		string(p[sender.At:sender.At+sender.N]) == uid
}

// maxPeeked is how many bytes PeekAnswer reads at most.
const maxPeeked = 4096

// PeekAnswer implements dialect.AnswerPeeker. It knows the JSON that this library and Node.js write.
func (w *wire) PeekAnswer(channel string, p []byte) *codec.Envelope {
	if len(p) == 0 || p[0] != '{' {
		return nil
	}
	k, rest, ours := classic.Classify(w.prefix, channel)
	if !ours || k != classic.Response {
		return nil
	}
	nsp, ok := w.answered(rest)
	if !ok {
		return nil
	}
	env := &codec.Envelope{NSP: nsp}
	m := members(p[1:min(len(p), maxPeeked)])
	env.UID, _ = m.text(`"uid":"`, `,`)
	var typed bool
	if typed = m.skip(`"type":6,`); typed {
		env.Type = codec.ServerSideEmitResponse
	} else if typed = m.skip(`"type":8,`); typed {
		env.Type = codec.BroadcastClientCount
	}
	if env.RequestID, _ = m.text(`"requestId":"`, ``); env.RequestID == "" {
		return nil
	}
	switch {
	case typed:
		ok = m.skip(`,"data":`) || m.skip(`,"clientCount":`)
	case m.skip(`,"sockets":[{`):
		env.Type = codec.FetchSocketsResponse
	case m.skip(`,"sockets":["`):
		env.Type = codec.ListSocketsResponse
	case m.skip(`,"rooms":[`):
		env.Type = codec.ListRoomsResponse
	case m.skip(`}`):
		env.Type = codec.SocketChanged
	default:
		ok = false
	}
	if !ok {
		return nil
	}
	return env
}

// members are the beginning of the members of a JSON object.
type members []byte

// skip removes s from the beginning. It returns false, and removes nothing, if something else is there.
func (m *members) skip(s string) bool {
	rest, ok := bytes.CutPrefix(*m, []byte(s))
	*m = rest
	return ok
}

// text removes a member with a text from the beginning, and what follows. before is its key and the opening quote. It
// returns false, and removes nothing, if something else is there, or a text with escapes.
func (m *members) text(before, after string) (string, bool) {
	p, ok := bytes.CutPrefix(*m, []byte(before))
	if !ok {
		return "", false
	}
	end := jsontext.Plain(p, 0)
	if end == len(p) || p[end] != '"' || !utf8.Valid(p[:end]) {
		return "", false
	}
	rest, ok := bytes.CutPrefix(p[end+1:], []byte(after))
	if ok {
		*m = rest
	}
	return string(p[:end]), ok
}
