package core

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/internal/guard"
)

// room is a set of members and a list of them. The list is made when it is first needed and kept until a member
// leaves, so that a broadcast goes through it without a lock. It is in the order in which the members were added to
// the registry. That is the order of their memory, here and in the kernel, and going through them in another order
// takes a quarter longer.
type room struct {
	members map[*member]struct{}
	list    atomic.Pointer[[]*member]
}

func (r *room) add(m *member) {
	r.members[m] = struct{}{}
	list := r.list.Load()
	if list == nil {
		return
	}
	if n := len(*list); n > 0 && (*list)[n-1].number > m.number {
		r.list.Store(nil)
		return
	}
	longer := append(*list, m) // others may be reading the list; they do not see what is behind its end
	r.list.Store(&longer)
}

func (r *room) remove(m *member) {
	delete(r.members, m)
	r.list.Store(nil)
}

// listed returns the members. The caller holds the registry's mu, at least for reading, and must not change the list.
func (r *room) listed() []*member {
	if list := r.list.Load(); list != nil {
		return *list
	}
	list := make([]*member, 0, len(r.members))
	for m := range r.members {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *member) int { return cmp.Compare(a.number, b.number) })
	r.list.Store(&list)
	return list
}

// selections has memory for lists of selected members, which is reused.
var selections = sync.Pool{New: func() any { return new([]*member) }}

// Each calls f once for every selected socket. The sockets of a single room, or all sockets, come in the order in
// which they were added. Each holds no lock while it calls f, so f may use the Registry. For a socket that joins or
// leaves during the call, f may be called or not. If f panics for some sockets, Each calls it for the others and then
// panics with the first panic, as a *PanicError.
func (r *Registry) Each(to Selector, f func(Socket)) {
	if len(to.Except) == 0 && len(to.Rooms) <= 1 {
		visit(r.single(to.Rooms), f)
		return
	}
	selected := selections.Get().(*[]*member)
	*selected = r.choose((*selected)[:0], to)
	visit(*selected, f)
	clear(*selected)
	selections.Put(selected)
}

// visit calls f for all members.
func visit(all []*member, f func(Socket)) {
	var first error
	n := 0
	guard.Until(func() {
		for n < len(all) {
			m := all[n]
			n++
			f(m.socket)
		}
	}, func() bool { return n == len(all) }, func(err error) { first = cmp.Or(first, err) })
	if first != nil {
		panic(first)
	}
}

// single returns the members of the only room, or all members if there is no room.
func (r *Registry) single(rooms []string) []*member {
	if len(rooms) == 0 {
		if list := r.all.list.Load(); list != nil {
			return *list // no lock: many broadcasts at the same time would contend for it
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(rooms) == 0 {
		return r.all.listed()
	}
	if rm := r.rooms[rooms[0]]; rm != nil {
		return rm.listed()
	}
	return nil
}

// choose appends the selected members to dst, each once.
func (r *Registry) choose(dst []*member, to Selector) []*member {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(to.Rooms) == 0 {
		for _, m := range r.all.listed() {
			if !m.inAny(to.Except) {
				dst = append(dst, m)
			}
		}
		return dst
	}
	for i, name := range to.Rooms {
		rm := r.rooms[name]
		if rm == nil {
			continue
		}
		for _, m := range rm.listed() {
			if !m.inAny(to.Rooms[:i]) && !m.inAny(to.Except) {
				dst = append(dst, m)
			}
		}
	}
	return dst
}

// inAny reports whether m is in one of rooms. The caller holds the registry's mu.
func (m *member) inAny(rooms []string) bool {
	for _, name := range rooms {
		if _, in := m.rooms[name]; in {
			return true
		}
	}
	return false
}

// eventQueue calls functions one at a time, in the order in which they were added, with no lock held.
type eventQueue struct {
	mu      sync.Mutex // guards all below
	waiting []func()
	running bool
}

func (q *eventQueue) add(f func()) {
	q.mu.Lock()
	q.waiting = append(q.waiting, f)
	q.mu.Unlock()
}

// deliver calls the functions that wait, unless another goroutine is calling them, or one of them has called deliver.
// If a function panics, deliver calls the others and then panics.
func (q *eventQueue) deliver() {
	var first error
	q.empty(&first)
	if first != nil {
		panic(first)
	}
}

// empty is deliver without the panic, which it puts into first.
func (q *eventQueue) empty(first *error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running || len(q.waiting) == 0 {
		return
	}
	q.running = true
	defer func() {
		q.running = false
		q.rest(first)
	}()
	for len(q.waiting) > 0 {
		f := q.waiting[0]
		q.waiting = q.waiting[1:]
		guard.Do(func() { q.call(f) }, func(err error) { *first = cmp.Or(*first, err) })
	}
}

// rest calls the functions that are left when one has ended the goroutine. The caller holds the lock.
func (q *eventQueue) rest(first *error) {
	if len(q.waiting) > 0 {
		q.mu.Unlock()
		defer q.mu.Lock()
		q.empty(first)
	}
}

// call calls f without the lock. It holds the lock again when it returns or panics.
func (q *eventQueue) call(f func()) {
	q.mu.Unlock()
	defer q.mu.Lock()
	f()
}
