package core

import "slices"

// WatchRooms implements RoomSockets.
func (r *Registry) WatchRooms(w RoomWatcher) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers = append(slices.Clone(r.watchers), w)
	for name := range r.rooms {
		w.RoomCreated(name)
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.Index(r.watchers, w); i >= 0 {
			r.watchers = slices.Delete(slices.Clone(r.watchers), i, i+1)
		}
		if len(r.watchers) == 0 {
			r.watchers = nil
		}
	}
}

// await waits for the channels of rooms.
func await(watchers []RoomWatcher, rooms []string) {
	for _, w := range watchers {
		w.Await(rooms...)
	}
}
