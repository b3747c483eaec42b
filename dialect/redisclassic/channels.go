package redisclassic

import (
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/transport"
)

// processSuffix ends the channel of the process's own namespace. The prefix of the cluster is before it.
const processSuffix = "-process#"

// names are the names of channels.
type names struct {
	prefix  string // of the cluster
	longest int    // how long a name may be, in bytes; 0 means any length
	shared  bool   // answers go to the channel of all nodes, not of the one that has asked
	uids    classic.UIDs
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
	case env.Type == codec.Broadcast && env.RequestID == "":
		return n.broadcast(r.nsp, env.Opts.Rooms)
	case !env.Type.Response():
		return classic.Request.Channel(n.prefix, r.nsp)
	case !n.shared && env.Type != codec.ServerSideEmitResponse && env.RequesterUID != codec.EmitterUID:
		if channel := n.answers(r.nsp, env.RequesterUID); channel != "" {
			return channel
		}
	}
	return classic.Response.Channel(r.names.prefix, r.nsp)
}

func (n *names) process() string { return n.prefix + processSuffix }

// broadcast returns the channel of a broadcast: that of its only room, if there is one whose name the bus can carry.
func (n *names) broadcast(nsp string, rooms []string) string {
	channel := classic.Broadcast.Channel(n.prefix, nsp)
	if len(rooms) == 1 && dialect.InvalidText(rooms[0]) == "" && n.fits(channel+rooms[0]+"#") {
		channel += rooms[0] + "#"
	}
	return channel
}

// answers returns the channel of the answers to one node. It is empty if the node's uid cannot be a part of a name.
func (n *names) answers(nsp, uid string) string {
	channel := classic.Response.Channel(n.prefix, nsp) + uid + "#"
	if uid == "" || strings.Contains(uid, "#") || dialect.InvalidText(uid) != "" || !n.fits(channel) {
		return ""
	}
	return channel
}

func (n *names) fits(channel string) bool { return n.longest <= 0 || len(channel) <= n.longest }

// check returns an error if the prefix cannot be used.
func (n *names) check() error {
	reason := dialect.InvalidText(n.prefix)
	switch channel := n.longestChannel("/"); {
	case reason != "":
	case strings.Contains(n.prefix, "#/"):
		reason = `it holds "#/", as the channels of the namespaces and rooms of another cluster may`
	case !n.fits(channel):
		reason = fmt.Sprintf("the channel %q is longer than the %d bytes that the bus allows", channel, n.longest)
	default:
		return nil
	}
	return &fault.NameError{Kind: "channel prefix", Name: n.prefix, Reason: reason}
}

// longestChannel returns a channel of a namespace that is as long as the longest, except for those of rooms.
func (n *names) longestChannel(nsp string) string {
	return classic.Response.Channel(n.prefix, nsp) + "0123456789abcdef#"
}

// Namespace implements dialect.Wire.
func (n *names) Namespace(nsp, uid string) (dialect.Route, error) {
	if nsp == "" {
		return &route{n, nsp, []string{n.process()}}, nil
	}
	invalid := func(reason string) error {
		return &fault.NameError{Kind: "namespace", Name: nsp, Reason: reason}
	}
	last := strings.LastIndexByte(nsp, '#')
	switch reason := dialect.InvalidText(nsp); {
	case reason != "":
		return nil, invalid(reason)
	case !strings.HasPrefix(nsp, "/"):
		return nil, invalid(`it must start with "/"`)
	case last >= 0 && classic.LooksLikeUID(nsp[last+1:]):
		return nil, invalid("it ends like the channel of the answers to one node")
	}
	if channel := n.longestChannel(nsp); !n.fits(channel) {
		return nil, invalid(fmt.Sprintf("the channel %q is longer than the %d bytes that the bus allows", channel,
			n.longest))
	}
	r := &route{n, nsp, []string{classic.Request.Channel(n.prefix, nsp), classic.Response.Channel(n.prefix, nsp)}}
	if channel := n.answers(nsp, uid); channel != "" && uid != codec.EmitterUID {
		r.listen = append(r.listen, channel)
		n.uids.Remember(uid)
	}
	r.listen = append(r.listen, transport.PrefixName(classic.Broadcast.Channel(n.prefix, nsp)))
	return r, nil
}

// requested returns the namespace of a request. rest is what follows the kind in its channel.
func requested(rest string) (nsp string, ok bool) {
	nsp, ok = strings.CutSuffix(rest, "#")
	return nsp, ok && strings.HasPrefix(nsp, "/")
}

// answered returns the namespace of an answer.
func (n *names) answered(rest string) (nsp string, ok bool) {
	if nsp, ok = requested(rest); !ok {
		return "", false
	}
	if last := strings.LastIndexByte(nsp, '#'); last > 0 && n.uids.Has(nsp[last+1:]) {
		nsp = nsp[:last]
	}
	return nsp, true
}
