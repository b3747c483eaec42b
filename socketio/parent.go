package socketio

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/backplane-go/backplane"
)

// ParentNamespace represents dynamic namespaces: each is opened when a client joins it. A new namespace gets the
// functions that the parent has at that time. It is closed when the last client of this node has left it, unless
// Config.KeepEmptyNamespaces is set or the application has called Of for it.
//
// A ParentNamespace has all methods of a ParentTarget, which act on the sockets of all these namespaces.
type ParentNamespace struct {
	ParentTarget

	env     *environment
	allow   func(name string, auth backplane.Value) bool
	pattern *regexp.Regexp // instead of allow

	mu         sync.Mutex            // guards all below
	children   map[string]*Namespace // by name
	middleware []func(*Socket) error
	connection funcList[func(*Socket)]
}

// OnConnection calls f for each client that joins a namespace that is opened from now on. See
// Namespace.OnConnection. off removes f from the parent; namespaces that are open already keep it.
func (p *ParentNamespace) OnConnection(f func(*Socket)) (off func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	added := p.connection.add(f, false)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.connection.drop(added)
	}
}

// Use adds f as a middleware of the namespaces that are opened from now on. See Namespace.Use.
func (p *ParentNamespace) Use(f func(*Socket) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.middleware = append(p.middleware, notNil(f))
}

// Children returns the namespaces that are open on this node, ordered by name.
func (p *ParentNamespace) Children() []*Namespace {
	p.mu.Lock()
	defer p.mu.Unlock()
	children := slices.Collect(maps.Values(p.children))
	slices.SortFunc(children, func(a, b *Namespace) int { return strings.Compare(a.name, b.name) })
	return children
}

// accepts reports whether a client may join the namespace with this name.
func (p *ParentNamespace) accepts(name string, auth backplane.Value) (ok bool) {
	if p.pattern != nil {
		return p.pattern.MatchString(name)
	}
	p.env.isolate(name, "", "namespace", func() { ok = p.allow(name, auth) })
	return ok
}

func (p *ParentNamespace) adopt(ns *Namespace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.children == nil {
		p.children = make(map[string]*Namespace)
	}
	p.children[ns.name] = ns
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.middleware = slices.Concat(p.middleware, ns.middleware)
	ns.connection = slices.Concat(p.connection, ns.connection)
}

func (p *ParentNamespace) forget(ns *Namespace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.children[ns.name] == ns { // else it was opened again
		delete(p.children, ns.name)
	}
}
