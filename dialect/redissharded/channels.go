package redissharded

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/classic"
)

// processSuffix ends the channel of the process's own namespace. The prefix of the cluster is before it.
const processSuffix = "-process#"

// names are the names of channels.
type names struct {
	prefix  string // of the cluster
	longest int    // how long a name may be, in bytes; 0 means any length
	mode    Mode
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
	case env.Type.Response() && env.RequesterUID != codec.EmitterUID:
		if channel := n.answers(r.nsp, env.RequesterUID); channel != "" {
			return channel
		}
	}
	return r.names.channel(r.nsp)
}

// roomRoute is the route of a node in a mode in which rooms have channels.
type roomRoute struct{ *route }

// Channel implements dialect.Route.
func (r *roomRoute) Channel(env *codec.Envelope) string {
	if env.Type == codec.Broadcast && env.RequestID == "" && len(env.Opts.Rooms) == 1 {
		if channel := r.RoomChannel(env.Opts.Rooms[0]); channel != "" {
			return channel
		}
	}
	return r.route.Channel(env)
}

// RoomChannel implements dialect.RoomRoute.
func (r *roomRoute) RoomChannel(room string) string {
	n := r.names
	if n.mode == Dynamic && looksLikeSocketID(room) || dialect.InvalidText(room) != "" {
		return ""
	}
	channel := n.channel(r.nsp) + room + "#"
	if !n.fits(channel) {
		return ""
	}
	return channel
}

// looksLikeSocketID reports whether Node.js takes a room for that of a single socket: its name has 20 UTF-16 units.
func looksLikeSocketID(room string) bool {
	if len(room) < 20 || len(room) > 60 {
		return false
	}
	units := 0
	for _, c := range room {
		units += utf16.RuneLen(c)
	}
	return units == 20
}

func (n *names) process() string { return n.prefix + processSuffix }

// channel returns the channel of a namespace.
func (n *names) channel(nsp string) string { return n.prefix + "#" + nsp + "#" }

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
func (n *names) longestChannel(nsp string) string { return n.channel(nsp) + "0123456789abcdef#" }

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
	case last >= 0 && n.mode != Static:
		return nil, invalid(`it holds "#", so its channel would be that of a room, and who listens there could not ` +
			"be counted")
	case last >= 0 && classic.LooksLikeUID(nsp[last+1:]):
		return nil, invalid("it ends like the channel of the answers to one node")
	}
	if channel := n.longestChannel(nsp); !n.fits(channel) {
		return nil, invalid(fmt.Sprintf("the channel %q is longer than the %d bytes that the bus allows", channel,
			n.longest))
	}
	r := &route{n, nsp, []string{n.channel(nsp)}}
	if channel := n.answers(nsp, uid); channel != "" && uid != codec.EmitterUID {
		r.listen = append(r.listen, channel)
		n.uids.Remember(uid)
	}
	if n.mode == Static {
		return r, nil
	}
	return &roomRoute{r}, nil
}

// belongs reports whether messages of a namespace may come over a channel.
func (n *names) belongs(channel, nsp string) bool {
	if !strings.HasPrefix(nsp, "/") {
		return false
	}
	rest, ok := strings.CutPrefix(channel, n.channel(nsp))
	if !ok || rest == "" {
		return ok
	}
	rest, ok = strings.CutSuffix(rest, "#") // a room, or who has asked
	return ok && (n.mode != Static || n.uids.Has(rest))
}
