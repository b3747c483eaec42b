package legacy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/transport"
)

// busChannel is the channel of PostgreSQL that all messages go through.
const busChannel = "socketio"

// processPrefix starts the channel of the process's own namespace. The prefix of the cluster follows.
const processPrefix = busChannel + "-process#"

// maxProcess is the length of the longest channel of a process, in bytes: every bus allows that.
const maxProcess = transport.MinChannel

// route is the only channel of a namespace on the bus.
type route [1]string

// Listen implements dialect.Route.
func (r *route) Listen() []string { return r[:] }

// Channel implements dialect.Route.
func (r *route) Channel(*codec.Envelope) string { return r[0] }

// names are the names of channels.
type names struct {
	prefix  string // of the cluster
	process string // the channel of the process's own namespace
	longest int    // how long a namespace's channel may be, in bytes of JSON; 0 means no limit
}

func newNames(prefix string, limits transport.Limits) names {
	process := processPrefix + prefix
	if len(process) > maxProcess {
		sum := sha256.Sum256([]byte(prefix))
		process = processPrefix + hex.EncodeToString(sum[:])[:maxProcess-len(processPrefix)]
	}
	return names{prefix: prefix, process: process, longest: limits.Payload / 2}
}

// check returns an error if the prefix cannot be used.
func (n *names) check() error {
	reason := dialect.InvalidText(n.prefix)
	if reason == "" && strings.Contains(n.prefix, "#/") {
		reason = `it holds "#/", as the channels of the namespaces and rooms of another cluster may`
	}
	if size := n.size("/"); reason == "" && n.longest > 0 && size > n.longest {
		reason = fmt.Sprintf("the channel of a namespace has at least %d bytes, and at most %d leave room for a "+
			"message", size, n.longest)
	}
	if reason == "" {
		return nil
	}
	return &fault.NameError{Kind: "channel prefix", Name: n.prefix, Reason: reason}
}

// size returns the length of the longest channel of a namespace, as JSON text.
func (n *names) size(nsp string) int {
	return len(jsontext.AppendString(nil, classic.Response.Channel(n.prefix, nsp)))
}

// Namespace implements dialect.Wire.
func (n *names) Namespace(nsp, _ string) (dialect.Route, error) {
	if nsp == "" {
		return &route{n.process}, nil
	}
	invalid := func(reason string) error {
		return &fault.NameError{Kind: "namespace", Name: nsp, Reason: reason}
	}
	if !strings.HasPrefix(nsp, "/") {
		return nil, invalid(`it must start with "/"`)
	}
	if reason := dialect.InvalidText(nsp); reason != "" {
		return nil, invalid(reason)
	}
	if size := n.size(nsp); n.longest > 0 && size > n.longest {
		return nil, invalid(fmt.Sprintf("its channel has %d bytes and at most %d leave room for a message: "+
			"shorten the namespace or the channel prefix", size, n.longest))
	}
	return &route{busChannel}, nil
}

// requested returns the namespace of a request or an answer. rest is what follows the kind in the channel. Node.js's
// servers compare only the beginning of the name, so whatever follows the last "#" does not matter.
func requested(rest []byte) (nsp string, ok bool) {
	end := bytes.LastIndexByte(rest, '#')
	if end <= 0 || rest[0] != '/' {
		return "", false
	}
	return string(rest[:end]), true
}

// maxOverlaps is how many other namespaces a message can be for, so that foreign names cost no more than that.
const maxOverlaps = 64

// Overlaps implements dialect.Overlapper. Node.js's servers take a request for theirs if its channel starts with that
// of the namespace. So a request in "/a#b" is one in "/a" too, and so are the answers.
func (w *wire) Overlaps(env *codec.Envelope) []string {
	if env.Type == codec.Broadcast {
		return nil
	}
	var nsps []string
	for i := 0; len(nsps) < maxOverlaps; i++ {
		next := strings.IndexByte(env.NSP[i:], '#')
		if next < 0 {
			break
		}
		i += next
		nsps = append(nsps, env.NSP[:i])
	}
	return nsps
}
