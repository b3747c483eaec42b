package socketio

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"sync"

	"github.com/backplane-go/backplane"
)

// ParentNamespace stands for namespaces that come into being when a client joins them. Each gets the funcs that the
// parent has at that time.
type ParentNamespace struct {
	server  *Server
	allow   func(name string, auth backplane.Value) bool
	pattern *regexp.Regexp // in place of allow

	mu         sync.Mutex // guards all below
	children   []*Namespace
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

// Children returns the namespaces that are open on this node.
func (p *ParentNamespace) Children() []*Namespace {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.children)
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
	p.children = append(p.children, ns)
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.middleware = slices.Concat(p.middleware, ns.middleware)
	ns.connected = slices.Concat(p.connected, ns.connected)
}

func (p *ParentNamespace) forget(ns *Namespace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.children = slices.DeleteFunc(p.children, func(c *Namespace) bool { return c == ns })
}
