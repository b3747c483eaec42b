package socketio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane"
)

// Of returns the namespace of this name and opens it if it was not open. A missing slash in front is added. Clients
// can join it from then on. Of waits until the node receives what other nodes send there, but no longer than 5 s: a bus
// that is away holds up nobody, and delivery on this node works meanwhile.
//
// It panics for a name that the cluster's bus cannot carry, and for one that was opened without the Server in its cluster.
func (s *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	ns, err := s.reserve(name, false, s.patternFor)
	if errors.Is(err, errInvalidNamespace) {
		ns, err = s.create(name, nil, false)
	}
	if err != nil && ns == nil {
		panic(fmt.Sprintf("socketio: Of(%q): %v", name, err))
	}
	if err == nil {
		s.mu.Lock()
		ns.users-- // no client needs it yet
		ns.count(-1)
		ns.dynamic = false // the application has it now
		s.mu.Unlock()
	}
	ns.waitReady()
	return ns
}

// OfFunc lets clients join every namespace that allow accepts, which is called with the name and the client's auth
// payload. Such a namespace is opened when the first client joins it, and closed when the last client of this node has
// left it, unless Config.KeepEmptyNamespaces is set or the application has called Of for it; see ParentNamespace. allow may be called by any
// goroutine, and holds up nobody but that client.
func (s *Server) OfFunc(allow func(name string, auth backplane.Value) bool) *ParentNamespace {
	return s.addParent(&ParentNamespace{server: s, allow: allow})
}

// OfPattern is OfFunc for the names that pattern matches. Of returns a namespace of the ParentNamespace for them too.
func (s *Server) OfPattern(pattern *regexp.Regexp) *ParentNamespace {
	return s.addParent(&ParentNamespace{server: s, pattern: pattern})
}

func (s *Server) addParent(p *ParentNamespace) *ParentNamespace {
	p.ParentTarget = ParentTarget{parent: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents = append(s.parents, p)
	return p
}

// OnNewNamespace calls f for each namespace that is opened from now on, except "/", before a client can join it. off removes f.
func (s *Server) OnNewNamespace(f func(*Namespace)) (off func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.created.add(f, false)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.created.drop(kept)
	}
}

// Namespaces returns the open namespaces, in the order of their names.
func (s *Server) Namespaces() []*Namespace { return s.all() }

func (s *Server) all() []*Namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Namespace
	for _, name := range slices.Sorted(maps.Keys(s.namespaces)) {
		all = append(all, s.namespaces[name])
	}
	return all
}

var errInvalidNamespace = errors.New("Invalid namespace") //lint:ignore ST1005 the client is told so, in Socket.IO's words

// enter returns the namespace that a client wants to join, which stays open until it is released. The error is
// errInvalidNamespace if there is none, and a *QuotaError if clients have opened too many.
func (s *Server) enter(name string, auth backplane.Value) (*Namespace, error) {
	ns, err := s.reserve(name, true, func(name string) *ParentNamespace {
		s.mu.Lock()
		parents := s.parents
		s.mu.Unlock()
		for _, p := range parents {
			if p.accepts(name, auth) {
				return p
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	<-ns.prepared
	ns.waitReady()
	return ns, nil
}

// patternFor returns the parent of a namespace that the application asks for.
func (s *Server) patternFor(name string) *ParentNamespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parents {
		if p.pattern != nil && p.pattern.MatchString(name) {
			return p
		}
	}
	return nil
}

// maxDynamicName is the most bytes of the name of a namespace that a client can open. Buses may allow less.
const maxDynamicName = 1024

// reserve returns the namespace of this name, or makes it a child of the parent that find returns. It stays open until it is
// released. dynamic: a client wants it.
func (s *Server) reserve(name string, dynamic bool, find func(string) *ParentNamespace) (*Namespace, error) {
	if ns := s.existing(name); ns != nil {
		return ns, nil
	}
	if dynamic && len(name) > maxDynamicName {
		return nil, errInvalidNamespace
	}
	parent := find(name)
	if parent == nil {
		return nil, errInvalidNamespace
	}
	return s.create(name, parent, dynamic)
}

// existing returns an open namespace, reserved, or nil. One that is being closed is waited for.
func (s *Server) existing(name string) *Namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		ns := s.namespaces[name]
		if ns == nil {
			return nil
		}
		if !ns.closing || s.closed {
			ns.users++
			return ns
		}
		s.mu.Unlock()
		<-ns.closed
		s.mu.Lock()
	}
}

// create opens a namespace, reserved, unless it is open. With ErrServerClosed comes one on which nothing works.
func (s *Server) create(name string, parent *ParentNamespace, dynamic bool) (*Namespace, error) {
	for {
		if ns := s.existing(name); ns != nil {
			return ns, nil
		}
		ns := newNamespace(s, name, parent)
		s.mu.Lock()
		if s.namespaces[name] != nil {
			s.mu.Unlock()
			continue
		}
		if dynamic && s.config.over(QuotaDynamicNamespaces, s.dynamic) {
			s.mu.Unlock()
			return nil, &QuotaError{Quota: QuotaDynamicNamespaces, Limit: s.config.MaxDynamicNamespaces}
		}
		closed := s.closed
		var err error
		ns.Namespace, err = s.cluster.NamespaceAsync(name, &local{Registry: ns.registry, ns: ns})
		if err == nil && !closed {
			ns.users++
			s.namespaces[name] = ns
			ns.dynamic = dynamic
			ns.count(1)
		}
		created := s.created
		s.mu.Unlock()
		switch {
		case ns.Namespace == nil:
			return nil, err
		case err != nil:
			return ns, err
		case closed:
			over, cancel := context.WithCancel(context.Background())
			cancel()
			_ = ns.Namespace.Close(over) // nobody knows of it yet
			return ns, ErrServerClosed
		}
		if parent != nil {
			parent.adopt(ns)
		}
		if name != "/" {
			for _, f := range created {
				s.apart(ns.name, "", "new namespace", func() { (*f)(ns) })
			}
		}
		close(ns.prepared)
		return ns, nil
	}
}

// readyTimeout bounds how long a new namespace is waited for.
const readyTimeout = 5 * time.Second

// waitReady waits until the namespace hears other nodes, unless it has been waited for before. A bus that is away does not keep
// clients of this node from each other.
func (ns *Namespace) waitReady() {
	if ns.waited.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	_ = ns.WaitReady(ctx)
	ns.waited.Store(true)
}
