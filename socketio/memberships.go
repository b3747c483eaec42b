package socketio

import (
	"maps"
	"slices"
)

// fewNamespaces is up to how many namespaces a client's sockets are kept in a slice. Most clients join one or two.
const fewNamespaces = 16

// memberships are the sockets of one client, one for each namespace. Those of a client that has joined many namespaces are
// in a map, so that finding one takes the same time whatever their number. The zero value is empty.
type memberships struct {
	few  []*Socket
	many map[string]*Socket // by namespace; nil: all are in few
}

func (m *memberships) len() int { return len(m.few) + len(m.many) }

// find returns the socket of a namespace, nil if there is none.
func (m *memberships) find(namespace string) *Socket {
	for _, s := range m.few {
		if s.name == namespace {
			return s
		}
	}
	return m.many[namespace]
}

// put adds s, or replaces the socket of the same namespace.
func (m *memberships) put(s *Socket) {
	for i, old := range m.few {
		if old.name == s.name {
			m.few[i] = s
			return
		}
	}
	switch {
	case m.many != nil:
		m.many[s.name] = s
	case len(m.few) < fewNamespaces:
		m.few = append(m.few, s)
	default:
		m.many = make(map[string]*Socket, 2*fewNamespaces)
		for _, old := range m.few {
			m.many[old.name] = old
		}
		m.few = nil
		m.many[s.name] = s
	}
}

// remove removes s, unless another socket has taken its place.
func (m *memberships) remove(s *Socket) {
	if m.many[s.name] == s {
		delete(m.many, s.name)
	} else if i := slices.Index(m.few, s); i >= 0 {
		m.few = slices.Delete(m.few, i, i+1)
	}
}

// removeGone removes the sockets that are not connected any more.
func (m *memberships) removeGone() {
	over := func(s *Socket) bool { return s.state.Load() == gone }
	m.few = slices.DeleteFunc(m.few, over)
	maps.DeleteFunc(m.many, func(_ string, s *Socket) bool { return over(s) })
}

// all returns all sockets, in no certain order.
func (m *memberships) all() []*Socket {
	return slices.AppendSeq(slices.Clone(m.few), maps.Values(m.many))
}
