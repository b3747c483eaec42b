package core

import "sync"

// subscriptions are the channels that the session listens to, and the changes to them that are asked for. The zero
// value has none.
type subscriptions struct {
	mu        sync.Mutex          // guards all below
	listening map[string]struct{} // channels
	changes   map[string]*change  // by channel
	joining   int                 // how many of changes ask to listen
	closed    bool
}

// change asks the session to listen to a channel, or to stop.
type change struct {
	on    bool
	alone bool        // it failed together with others: it has to be tried alone
	done  func(error) // called once with the outcome, without a lock; nil if nobody waits for it
}

func (c *change) finish(err error) {
	if c.done != nil {
		c.done(err)
	}
}

// join makes c finish another change of the same kind too.
func (c *change) join(other *change) {
	c.alone = c.alone || other.alone
	done := c.done
	switch {
	case done == nil:
		c.done = other.done
	case other.done != nil:
		c.done = func(err error) {
			other.done(err)
			done(err)
		}
	}
}

// supersede ends a change in whose place another one is wanted.
func (c *change) supersede() {
	if c.on {
		c.finish(ErrClosed)
		return
	}
	c.finish(nil) // who listens again does not need silence
}

// put asks for a change. It returns the opposite change of the same channel that it replaces, if one waits. A change of
// the same kind that waits is made together with c. put returns ErrClosed if no session will ever be opened again.
func (s *subscriptions) put(channel string, c *change) (superseded *change, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if superseded = s.changes[channel]; superseded != nil && superseded.on == c.on {
		c.join(superseded)
		superseded = nil
	}
	s.set(channel, c)
	return superseded, nil
}

// set asks for a change. The caller holds mu.
func (s *subscriptions) set(channel string, c *change) {
	if s.changes == nil {
		s.changes = make(map[string]*change)
	}
	s.drop(channel)
	s.changes[channel] = c
	if c.on {
		s.joining++
	}
}

// drop removes the change of a channel, if there is one. The caller holds mu.
func (s *subscriptions) drop(channel string) {
	if c := s.changes[channel]; c != nil {
		delete(s.changes, channel)
		if c.on {
			s.joining--
		}
	}
}

// pending reports whether changes are asked for.
func (s *subscriptions) pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.changes) > 0
}

// ifNonePending calls f, with the lock held, if no changes are asked for, and reports whether it did.
func (s *subscriptions) ifNonePending(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.changes) > 0 {
		return false
	}
	f()
	return true
}

// next removes and returns the changes that the session makes next: up to so many channels to listen to, or, if there
// are none, up to mostLeft to leave. It finishes changes that have come true already.
func (s *subscriptions) next(most, mostLeft int) (channels []string, batch []*change) {
	var needless []*change
	s.mu.Lock()
	for len(batch) == 0 && len(s.changes) > 0 {
		channels, batch, needless = s.collect(most, mostLeft, needless)
	}
	for _, channel := range channels {
		s.drop(channel)
	}
	s.mu.Unlock()
	for _, c := range needless {
		c.finish(nil)
	}
	return channels, batch
}

// collect is a part of next. It returns nothing if it has found only changes that have come true, which it removes and
// adds to needless. The caller holds mu.
func (s *subscriptions) collect(
	most, mostLeft int, needless []*change,
) (channels []string, batch, still []*change) {
	for channel, c := range s.changes {
		_, listening := s.listening[channel]
		switch {
		case c.on == listening:
			s.drop(channel)
			needless = append(needless, c)
			continue
		case c.on != (s.joining > 0), c.alone && len(batch) > 0:
			continue // nobody waits for leaving as for joining
		}
		channels, batch = append(channels, channel), append(batch, c)
		if c.alone || c.on && len(batch) == most || !c.on && len(batch) == mostLeft {
			break
		}
	}
	return channels, batch, needless
}

// made notes that the session listens to channels, or no longer does.
func (s *subscriptions) made(channels []string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listening == nil {
		s.listening = make(map[string]struct{})
	}
	for _, channel := range channels {
		if on {
			s.listening[channel] = struct{}{}
		} else {
			delete(s.listening, channel)
		}
	}
}

// putBack leaves changes that have failed to the next session. Each is tried alone, so that a channel that cannot be
// listened to does not spoil the others.
func (s *subscriptions) putBack(channels []string, batch []*change) {
	var superseded []*change
	s.mu.Lock()
	for i, c := range batch {
		if s.changes[channels[i]] != nil {
			superseded = append(superseded, c)
			continue
		}
		c.alone = true
		s.set(channels[i], c)
	}
	s.mu.Unlock()
	for _, c := range superseded {
		c.supersede()
	}
}

// leaveToNextSession asks the next session to listen to the channels of the session that has ended.
func (s *subscriptions) leaveToNextSession() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave()
}

func (s *subscriptions) leave() {
	for channel := range s.listening {
		if s.changes[channel] == nil {
			s.set(channel, &change{on: true})
		}
	}
	clear(s.listening)
}

// sessionEnded is leaveToNextSession, and returns the changes that came true because nothing arrives any more.
func (s *subscriptions) sessionEnded() (finished []*change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave()
	for channel, c := range s.changes {
		if !c.on {
			s.drop(channel)
			finished = append(finished, c)
		}
	}
	return finished
}

// close ends the changes that nobody will make, and those to come.
func (s *subscriptions) close() {
	s.mu.Lock()
	s.closed = true
	changes := s.changes
	s.changes, s.joining = nil, 0
	s.mu.Unlock()
	for _, c := range changes {
		c.finish(ErrClosed)
	}
}
