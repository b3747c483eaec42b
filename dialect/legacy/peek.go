package legacy

import (
	"bytes"
	"encoding/base64"

	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// textBeforeUID is how the payloads of requests and answers begin, within JSON text.
const textBeforeUID = `"{\"uid\":\"`

// SentBy implements dialect.Peeker.
func (w *wire) SentBy(p []byte, uid string) bool {
	if bytes.HasPrefix(p, []byte(`{"uid":"`)) { // of the process
		p = p[len(`{"uid":"`):]
		return len(p) > len(uid) && string(p[:len(uid)]) == uid && p[len(uid)] == '"'
	}
	if !bytes.HasPrefix(p, []byte(`["`)) {
		return false
	}
	end, err := jsontext.SkipString(p, 1)
	if err != nil || end+1 >= len(p) || p[end] != ',' || p[end+1] != '"' {
		return false
	}
	k, _, ours := classic.Classify(w.prefix, jsontext.Unquote(p[1:end], nil))
	if !ours {
		return false
	}
	p = p[end+1:] // with its quote
	switch {
	case bytes.HasPrefix(p, []byte(`"`+piecePrefix)):
		p = p[len(`"`+piecePrefix):]
		return isNodeUID(uid) && len(p) > len(uid)+8 && string(p[:len(uid)]) == uid && p[len(uid)+8] == '_'
	case k == classic.Broadcast:
		return sentBroadcast(p[1:], uid)
	case bytes.HasPrefix(p, []byte(textBeforeUID)):
		p = p[len(textBeforeUID):]
		return len(p) > len(uid) && string(p[:len(uid)]) == uid && p[len(uid)] == '\\'
	}
	return false
}

// sentBroadcast reports whether the base64 text p begins with the head of an array of 3 and uid.
func sentBroadcast(p []byte, uid string) bool {
	var text, head [64]byte
	if len(uid) > len(head)-8 {
		return false
	}
	want := append(msgpack.AppendStringHead(msgpack.AppendArrayHead(head[:0], 3), len(uid)), uid...)
	quads := (len(want) + 2) / 3
	if len(p) < 4*quads {
		return false
	}
	n, err := base64.StdEncoding.Decode(text[:], p[:4*quads])
	return err == nil && n >= len(want) && string(text[:len(want)]) == string(want)
}
