package socketio

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/backplane-go/backplane"
)

// ParentNamespace stands for namespaces that come into being when a client joins them. Each gets the funcs that the
// parent has at that time. It is closed when the last client of this node has left it, unless Config.KeepEmptyNamespaces
// is set or the application has called Of for it.
type ParentNamespace struct {
	server  *Server
	allow   func(name string, auth backplane.Value) bool
	pattern *regexp.Regexp // in place of allow

	mu         sync.Mutex            // guards all below
	children   map[string]*Namespace // by name
	middleware []func(*Socket) error
	connected  []func(*Socket)
}

// OnConnection is Namespace.OnConnection for the namespaces that come into being from now on.
func (p *ParentNamespace) OnConnection(f func(*Socket)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connected = append(p.connected, f)
}

// Use is Namespace.Use for the namespaces that come into being from now on.
func (p *ParentNamespace) Use(f func(*Socket) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.middleware = append(p.middleware, f)
}

// Children returns the namespaces that are open on this node, in the order of their names.
func (p *ParentNamespace) Children() []*Namespace {
	p.mu.Lock()
	defer p.mu.Unlock()
	children := slices.Collect(maps.Values(p.children))
	slices.SortFunc(children, func(a, b *Namespace) int { return strings.Compare(a.name, b.name) })
	return children
}

// Emit sends an event to all clients of the namespaces that are open on this node, those clients among them that are on
// other nodes. A namespace that only other nodes have open gets nothing.
func (p *ParentNamespace) Emit(ctx context.Context, event string, args ...any) error {
	var errs []error
	for _, ns := range p.Children() {
		errs = append(errs, ns.Emit(ctx, event, args...))
	}
	return errors.Join(errs...)
}

// accepts reports whether a client may join the namespace of this name.
func (p *ParentNamespace) accepts(name string, auth backplane.Value) (ok bool) {
	if p.pattern != nil {
		return p.pattern.MatchString(name)
	}
	p.server.guard(name, "", "namespace", func() { ok = p.allow(name, auth) })
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
	ns.connected = slices.Concat(p.connected, ns.connected)
}

func (p *ParentNamespace) forget(ns *Namespace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.children[ns.name] == ns { // else it has been opened again
		delete(p.children, ns.name)
	}
}
