package redisclassic

import (
	"bytes"

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
