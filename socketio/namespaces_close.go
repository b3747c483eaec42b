package socketio

import (
	"context"
	"time"
)

// namespaceTable is the Server as the owner of its namespaces.
type namespaceTable Server

var _ namespaceOwner = (*namespaceTable)(nil)

// close implements namespaceOwner.
func (t *namespaceTable) close(ctx context.Context, ns *Namespace) error {
	t.mu.Lock()
	ns.closes = true
	t.mu.Unlock()
	for _, s := range ns.Sockets() {
		s.Disconnect(false)
	}
	return (*Server)(t).shut(ctx, ns)
}

// isClosing implements namespaceOwner.
func (t *namespaceTable) isClosing(ns *Namespace) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return ns.closes
}

// release implements namespaceOwner. When the last client leaves a namespace that a client has opened, release
// closes the namespace.
func (t *namespaceTable) release(ns *Namespace) {
	t.mu.Lock()
	ns.users--
	empty := ns.users == 0 && !ns.closes && !t.closed && ns.dynamic && !t.env.config.KeepEmptyNamespaces
	if empty && ns.log != nil {
		if wait := ns.log.recoverable(); wait > 0 {
			ns.users++ // for the clients that may reconnect
			time.AfterFunc(wait, func() { t.release(ns) })
			empty = false
		}
	}
	if empty {
		ns.closes = true
	}
	t.mu.Unlock()
	if empty {
		ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
		defer cancel()
		if err := (*Server)(t).shut(ctx, ns); err != nil {
			t.env.report(err)
		}
	}
}

// shut closes the cluster's namespace and removes ns from the server. It is called once ns.closes is set or the
// server is closed.
func (s *Server) shut(ctx context.Context, ns *Namespace) error {
	var err error
	ns.closing.Do(func() {
		err = ns.Namespace.Close(ctx)
		s.mu.Lock()
		if !s.closed && s.namespaces[ns.name] == ns {
			delete(s.namespaces, ns.name)
			s.countDynamic(ns, -1)
		}
		s.mu.Unlock()
		if ns.parent != nil {
			ns.parent.forget(ns)
		}
		if ns.log != nil {
			ns.log.close()
		}
		close(ns.closed)
	})
	return err
}
