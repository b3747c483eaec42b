package connect

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/transport"
)

// Channels returns the channels that a node of a namespace listens to.
func (f *Flags) Channels(nsp string) ([]string, error) {
	channels, _, err := f.channels(nsp)
	return channels, err
}

// Watched returns what to listen to for the messages of a namespace. If its nodes are the listeners of a channel, these
// are names for several channels (transport.PrefixName), so that the listener is not counted as a node. Readers of a
// stream are not counted.
func (f *Flags) Watched(nsp string) ([]string, error) {
	channels, counted, err := f.channels(nsp)
	if counted {
		for i, channel := range channels {
			if _, _, stream := streamentry.Parse(channel); !stream {
				prefix, _ := transport.CutPrefixName(channel)
				channels[i] = transport.PrefixName(prefix)
			}
		}
	}
	return channels, err
}

// Shown returns names of channels as they are shown: "a*" stands for those whose names begin with a.
func Shown(names ...string) []string {
	shown := make([]string, 0, len(names))
	for _, name := range names {
		if prefix, many := transport.CutPrefixName(name); many {
			name = prefix + "*"
		}
		shown = append(shown, name)
	}
	return shown
}

// OwnChannel returns a random name of a channel for messages that a command sends to itself, and to which nobody else
// listens. Where names may be long, it is one that everybody may use who may use the channels of the cluster.
func (f *Flags) OwnChannel() string {
	var b [8]byte
	rand.Read(b[:]) // never fails, see its documentation
	prefix := "backplane"
	if c, err := f.choose(); err == nil && c.facts().channel == 0 {
		prefix = f.Prefix
	}
	return prefix + "-watch#" + hex.EncodeToString(b[:]) // those of namespaces have a "/" after the "#"
}

// channels returns the channels of a namespace, and whether its nodes are the listeners of one of them.
func (f *Flags) channels(nsp string) (channels []string, counted bool, err error) {
	c, err := f.choose()
	if err != nil {
		return nil, false, err
	}
	limits := transport.Limits{Channel: c.facts().channel}
	w, err := f.Dialect().Open(dialect.Options{Prefix: f.Prefix, Limits: limits})
	if err != nil {
		return nil, false, err
	}
	route, err := w.Namespace(nsp, codec.EmitterUID)
	if err != nil {
		return nil, false, err
	}
	_, counted = w.(dialect.Counted)
	return route.Listen(), counted, nil
}
