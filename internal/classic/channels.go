package classic

import (
	"bytes"
	"slices"

	"github.com/backplane-go/backplane/codec"
)

// Kind says what the messages of a channel are. It is what follows the prefix in the channel's name.
type Kind string

const (
	Broadcast Kind = "#"
	Request   Kind = "-request#"
	Response  Kind = "-response#"
)

// Channel returns the channel of a namespace.
func (k Kind) Channel(prefix, nsp string) string { return prefix + string(k) + nsp + "#" }

// Classify returns the kind of a channel and what follows it. ok is false for channels of other clusters.
func Classify[T string | []byte](prefix string, channel T) (k Kind, rest T, ok bool) {
	if len(channel) < len(prefix) || string(channel[:len(prefix)]) != prefix {
		return "", rest, false
	}
	channel = channel[len(prefix):]
	for _, k := range [...]Kind{Broadcast, Request, Response} {
		if len(channel) >= len(k) && string(channel[:len(k)]) == string(k) {
			return k, channel[len(k):], true
		}
	}
	return "", rest, false
}

// Belongs reports whether a broadcast to nsp may come over its channel. rest is what follows the kind in the channel:
// the namespace, and the room if there is only one.
func Belongs(rest []byte, nsp string, o *codec.Opts) bool {
	room, ok := bytes.CutPrefix(rest, []byte(nsp))
	if ok {
		room, ok = bytes.CutPrefix(room, []byte("#"))
	}
	if !ok {
		return false
	}
	room = bytes.TrimSuffix(room, []byte("#"))
	return len(room) == 0 || o.Nobody || slices.Contains(o.Rooms, string(room))
}
