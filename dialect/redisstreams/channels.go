package redisstreams

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/streamentry"
)

// processSuffix ends the channel of the process's own namespace. The prefix of the cluster is before it.
const processSuffix = "-process#"

// names are the names of channels.
type names struct {
	prefix  string // of the cluster
	stream  string // the name of the stream, or what the names of several begin with
	streams int    // how many there are
	longest int    // how long a name may be, in bytes; 0 means any length
}

// route has the channels of a node in a namespace.
type route struct {
	names  *names
	nsp    string
	listen []string
}

// Listen implements dialect.Route.
func (r *route) Listen() []string { return slices.Clone(r.listen) }

// Channel implements dialect.Route.
func (r *route) Channel(env *codec.Envelope) string {
	switch n := r.names; {
	case r.nsp == "":
		return n.process()
	case inStream(env):
		return n.entries(r.nsp)
	case env.Type.Response() && env.RequesterUID != codec.EmitterUID:
		if channel := n.answers(r.nsp, env.RequesterUID); channel != "" {
			return channel
		}
	}
	return r.names.channel(r.nsp)
}

func (n *names) process() string { return n.prefix + processSuffix }

// channel returns the channel on which messages of a namespace are published.
func (n *names) channel(nsp string) string { return n.prefix + "#" + nsp + "#" }

// entries returns the channel whose messages are entries of a stream. In Node.js the remainder of a negative hash is
// negative, too, and nobody there reads a stream with such a name. Here nodes do.
func (n *names) entries(nsp string) string {
	stream := n.stream
	if n.streams > 1 {
		stream += "-" + strconv.Itoa(int(hash(nsp))%n.streams)
	}
	return streamentry.Channel(stream, nsp)
}

// hash is the hash of the npm package: of the UTF-16 units of a text, in 32 bits.
func hash(text string) (h int32) {
	for _, unit := range utf16.Encode([]rune(text)) {
		h = h*31 + int32(unit)
	}
	return h
}

// answers returns the channel of the answers to one node. It is empty if the node's uid cannot be a part of a name.
func (n *names) answers(nsp, uid string) string {
	channel := n.channel(nsp) + uid + "#"
	if uid == "" || strings.Contains(uid, "#") || dialect.InvalidText(uid) != "" || !n.fits(channel) {
		return ""
	}
	return channel
}

func (n *names) fits(channel string) bool { return n.longest <= 0 || len(channel) <= n.longest }

// check returns an error if the prefix cannot be used.
func (n *names) check() error {
	reason := dialect.InvalidText(n.prefix)
	if reason == "" {
		reason = dialect.InvalidText(n.stream)
	}
	switch channel := n.longestChannel("/"); {
	case reason != "":
	case streamentry.IsReserved(n.prefix):
		reason = "channels with this prefix are streams"
	case strings.Contains(n.prefix, "#/"):
		reason = `it holds "#/", as the channels of the namespaces of another cluster may`
	case !n.fits(channel):
		reason = fmt.Sprintf("the channel %q is longer than the %d bytes that the bus allows", channel, n.longest)
	default:
		return nil
	}
	return &fault.NameError{Kind: "channel prefix", Name: n.prefix, Reason: reason}
}

// longestChannel returns a channel that is as long as the longest one of a namespace.
func (n *names) longestChannel(nsp string) string {
	published, stream := n.channel(nsp)+"0123456789abcdef#", n.entries(nsp)
	if len(stream) > len(published) {
		return stream
	}
	return published
}

// Namespace implements dialect.Wire.
func (n *names) Namespace(nsp, uid string) (dialect.Route, error) {
	if nsp == "" {
		return &route{n, nsp, []string{n.process()}}, nil
	}
	invalid := func(reason string) error {
		return &fault.NameError{Kind: "namespace", Name: nsp, Reason: reason}
	}
	switch reason := dialect.InvalidText(nsp); {
	case reason != "":
		return nil, invalid(reason)
	case !strings.HasPrefix(nsp, "/"):
		return nil, invalid(`it must start with "/"`)
	case strings.Contains(nsp, "#"):
		return nil, invalid(`it holds "#", so its channel may be that of the answers to a node in another namespace`)
	}
	if channel := n.longestChannel(nsp); !n.fits(channel) {
		return nil, invalid(fmt.Sprintf("the channel %q is longer than the %d bytes that the bus allows", channel,
			n.longest))
	}
	r := &route{n, nsp, []string{n.entries(nsp), n.channel(nsp)}}
	if channel := n.answers(nsp, uid); channel != "" && uid != codec.EmitterUID {
		r.listen = append(r.listen, channel)
	}
	return r, nil
}

// belongs reports whether messages of a namespace may be published on a channel.
func (n *names) belongs(channel, nsp string) bool {
	if !strings.HasPrefix(nsp, "/") {
		return false
	}
	rest, ok := strings.CutPrefix(channel, n.channel(nsp))
	return ok && (rest == "" || strings.IndexByte(rest, '#') == len(rest)-1)
}
