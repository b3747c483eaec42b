package core

// JoinIDWithin is JoinID with limits: the socket joins none of rooms, and JoinIDWithin returns false, if the socket
// would then be in more than maxRooms rooms, or in rooms whose names have more than maxBytes bytes together. The room
// named after the socket's id does not count. A negative limit means no limit. JoinIDWithin returns true if there is
// no such socket.
func (r *Registry) JoinIDWithin(id string, maxRooms, maxBytes int, rooms ...string) bool {
	r.mu.Lock()
	m := r.members[id]
	fits := m == nil || m.fits(maxRooms, maxBytes, rooms)
	if m != nil && fits {
		for _, name := range rooms {
			r.join(m, name)
		}
	}
	watchers := r.watchers
	r.mu.Unlock()
	r.events.deliver()
	if fits {
		await(watchers, rooms)
	}
	return fits
}

// fits reports whether m may join rooms; it may be in some of them already. The caller holds the registry's mu.
func (m *member) fits(maxRooms, maxBytes int, rooms []string) bool {
	count, bytes := len(m.rooms), m.bytes
	if id := m.socket.ID(); m.rooms[id] != 0 {
		count, bytes = count-1, bytes-len(id)
	}
	for _, name := range rooms {
		if _, in := m.rooms[name]; !in {
			count++
			bytes += len(name)
		}
	}
	return (maxRooms < 0 || count <= maxRooms) && (maxBytes < 0 || bytes <= maxBytes)
}
