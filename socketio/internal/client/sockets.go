package client

import (
	"maps"
	"slices"
)

// fewNamespaces is the number of namespaces up to which a client's sockets are kept in a slice. Most clients join
// one or two.
const fewNamespaces = 16

// sockets are the sockets of one client, one for each namespace. A map replaces the slice when there are many,
// so that the time to find a socket does not grow with their number. The zero value is empty.
type sockets struct {
	few  []Socket
	many map[string]Socket // by namespace; nil: all sockets are in few
}

func (m *sockets) len() int { return len(m.few) + len(m.many) }

// find returns the socket of a namespace, nil if there is none.
func (m *sockets) find(namespace string) Socket {
	for _, s := range m.few {
		if s.Namespace() == namespace {
			return s
		}
	}
	return m.many[namespace]
}

// put adds s, or replaces the socket of the same namespace.
func (m *sockets) put(s Socket) {
	name := s.Namespace()
	for i, old := range m.few {
		if old.Namespace() == name {
			m.few[i] = s
			return
		}
	}
	switch {
	case m.many != nil:
		m.many[name] = s
	case len(m.few) < fewNamespaces:
		m.few = append(m.few, s)
	default:
		m.many = make(map[string]Socket, 2*fewNamespaces)
		for _, old := range m.few {
			m.many[old.Namespace()] = old
		}
		m.few = nil
		m.many[name] = s
	}
}

// remove removes s, unless another socket has replaced it.
func (m *sockets) remove(s Socket) {
	if name := s.Namespace(); m.many[name] == s {
		delete(m.many, name)
	} else if i := slices.Index(m.few, s); i >= 0 {
		m.few = slices.Delete(m.few, i, i+1)
	}
}

// removeDisconnected removes the sockets that are disconnected.
func (m *sockets) removeDisconnected() {
	over := func(s Socket) bool { return s.State() == Disconnected }
	m.few = slices.DeleteFunc(m.few, over)
	maps.DeleteFunc(m.many, func(_ string, s Socket) bool { return over(s) })
}

// all returns all sockets, in no particular order.
func (m *sockets) all() []Socket {
	return slices.AppendSeq(slices.Clone(m.few), maps.Values(m.many))
}
