package socketio

import (
	"cmp"
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

// Of returns the namespace with this name, and opens it if necessary. If the name has no leading slash, Of adds it.
// Clients can join the namespace from then on. Of waits until the node receives the messages of other nodes in the
// namespace, but no longer than 5 s: even when the bus is down, the clients of this node can use the namespace.
//
// Of panics if the cluster's bus cannot carry the name, or if the namespace was opened with backplane.Cluster
// instead of the Server.
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
		s.countDynamic(ns, -1)
		ns.dynamic = false
		s.mu.Unlock()
	}
	ns.waitReady()
	return ns
}

// OfFunc lets clients join every namespace for which allow returns true. allow gets the name and the client's auth
// payload. The namespace is opened when the first client joins it. It is closed when the last client of this node
// has left it, unless Config.KeepEmptyNamespaces is set or the application has called Of for it; see
// ParentNamespace. allow may be called on any goroutine. Only the client that wants to join waits for it.
func (s *Server) OfFunc(allow func(name string, auth backplane.Value) bool) *ParentNamespace {
	return s.addParent(&ParentNamespace{env: &s.env, allow: allow})
}

// OfPattern is like OfFunc, for the names that pattern matches. If Of opens a namespace with such a name, it
// belongs to the ParentNamespace, too.
func (s *Server) OfPattern(pattern *regexp.Regexp) *ParentNamespace {
	return s.addParent(&ParentNamespace{env: &s.env, pattern: pattern})
}

func (s *Server) addParent(p *ParentNamespace) *ParentNamespace {
	p.ParentTarget = ParentTarget{parent: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents = append(s.parents, p)
	return p
}

// OnNewNamespace calls f for each namespace that is opened from now on, except "/", before a client can join it.
// off removes f.
func (s *Server) OnNewNamespace(f func(*Namespace)) (off func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := s.created.add(f, false)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.created.drop(added)
	}
}

// Namespaces returns the open namespaces, ordered by name.
func (s *Server) Namespaces() []*Namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Namespace
	for _, name := range slices.Sorted(maps.Keys(s.namespaces)) {
		all = append(all, s.namespaces[name])
	}
	return all
}

// enter returns the namespace that a client wants to join. The namespace stays open until it is released. The
// error is errInvalidNamespace if there is no such namespace, and a *QuotaError if clients have opened too many.
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

// patternFor returns the parent for a namespace that the application opens: the first whose pattern matches, or
// nil.
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

// maxDynamicName is the maximum length of the name of a namespace that a client can open, in bytes. Buses may allow
// less.
const maxDynamicName = 1024

// reserve returns the namespace with this name, or opens it as a child of the parent that find returns. The
// namespace stays open until it is released. dynamic is true if a client wants to join it, and false if the
// application has called Of.
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

// existing returns the open namespace with this name and reserves it. It returns nil if there is none. It waits
// while the namespace is being closed.
func (s *Server) existing(name string) *Namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		ns := s.namespaces[name]
		if ns == nil {
			return nil
		}
		if !ns.closes || s.closed {
			ns.users++
			return ns
		}
		s.mu.Unlock()
		<-ns.closed
		s.mu.Lock()
	}
}

// create opens a namespace, unless it is open, and reserves it. If the server is closed, create returns
// ErrServerClosed and a namespace that is closed, too.
func (s *Server) create(name string, parent *ParentNamespace, dynamic bool) (*Namespace, error) {
	for {
		if ns := s.existing(name); ns != nil {
			return ns, nil
		}
		ns := newNamespace(&s.env, (*namespaceTable)(s), s, name, parent)
		if s.recovery != nil {
			ns.log = newRecoveryLog(&s.env, s.recovery, name)
		}
		s.mu.Lock()
		if s.namespaces[name] != nil {
			s.mu.Unlock()
			continue
		}
		if dynamic && s.env.config.over(QuotaDynamicNamespaces, s.dynamic) {
			s.mu.Unlock()
			return nil, &QuotaError{Quota: QuotaDynamicNamespaces, Limit: s.env.config.MaxDynamicNamespaces}
		}
		closed := s.closed
		var err error
		ns.Namespace, err = s.openInCluster(ns)
		if err == nil && !closed {
			ns.users++
			s.namespaces[name] = ns
			ns.dynamic = dynamic
			s.countDynamic(ns, 1)
		}
		created := s.created
		s.mu.Unlock()
		switch {
		case ns.Namespace == nil:
			return nil, err
		case err != nil:
			return ns, err
		case closed:
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			_ = ns.Namespace.Close(ended) // no other node knows of it yet
			return ns, ErrServerClosed
		}
		if ns.log != nil && ns.log.cluster != nil {
			s.sessions.prepare()
		}
		if parent != nil {
			parent.adopt(ns)
		}
		if name != "/" {
			for _, f := range created {
				s.env.isolate(ns.name, "", "new namespace", func() { (*f)(ns) })
			}
		}
		close(ns.prepared)
		return ns, nil
	}
}

// openInCluster opens a namespace in the cluster.
func (s *Server) openInCluster(ns *Namespace) (*backplane.Namespace, error) {
	if ns.log == nil {
		return s.cluster.NamespaceAsync(ns.name, &localSockets{Registry: ns.registry, ns: ns})
	}
	ns.log.mu.Lock() // nothing is delivered before it is known where events are kept
	defer ns.log.mu.Unlock()
	// Clients that are away need the events of their rooms, too, so this is no RoomSockets, which would leave these
	// rooms: a dialect whose rooms have channels of their own is refused.
	local := struct{ backplane.LogSockets }{&localSockets{Registry: ns.registry, ns: ns}}
	opened, err := s.cluster.NamespaceAsync(ns.name, local)
	if opened == nil {
		return nil, err
	}
	switch order, logged := opened.LogOrder(); {
	case !logged || order != backplane.OrderCluster:
		ns.log.open(nil)
	case s.sessions == nil:
		ns.log.open(nil)
		err = cmp.Or(err, errNoSessions)
	default:
		ns.log.open(newClusterRecovery(ns.log, opened, s.sessions))
	}
	return opened, err
}

var errNoSessions = errors.New("socketio: recovery on any node needs a store for sessions, and neither the bus nor " +
	"the store of the cluster is one: set Recovery.Sessions")

// countDynamic adds n to the number of namespaces that clients have opened, if ns is one of them. The caller
// holds mu.
func (s *Server) countDynamic(ns *Namespace, n int) {
	if ns.dynamic {
		s.dynamic += n
	}
}

// readyTimeout limits how long Of and clients wait for a new namespace, and how long the last client waits until it
// is closed.
const readyTimeout = 5 * time.Second

// waitReady waits, when it is called first, until the namespace receives the messages of other nodes. It gives up
// after readyTimeout, so that the clients of this node reach each other while the bus is down.
func (ns *Namespace) waitReady() {
	if ns.ready.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	_ = ns.WaitReady(ctx)
	if ns.log != nil { // and until it knows where the log continues
		select {
		case <-ns.log.known:
		case <-ctx.Done():
		}
	}
	ns.ready.Store(true)
}
