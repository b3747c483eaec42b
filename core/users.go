package core

import (
	"context"
	"sync"
	"sync/atomic"
)

// users counts how many namespaces need each channel, so that the session listens to a shared one as long as any of
// them does.
type users struct {
	mu    sync.Mutex // guards all below, and the subscriptions; held while changes are put in their order
	count map[string]int
}

// subscription is what a namespace needs of the session.
type subscription struct {
	channels []string
	released bool
}

// acquire asks the receiving goroutine to listen to channels. done is called once, when messages on all of them are
// sure to arrive, or with an error, after which the subscription is released.
func (l *listener) acquire(channels []string, done func(error)) *subscription {
	s := &subscription{channels: channels}
	l.users.mu.Lock()
	if l.users.count == nil {
		l.users.count = make(map[string]int)
	}
	for _, channel := range channels {
		l.users.count[channel]++
	}
	finish := l.putAll(channels, true, func(err error) {
		if err != nil {
			l.release(s, nil)
		}
		done(err)
	})
	l.users.mu.Unlock()
	l.interruptReceive(errRequested)
	finish()
	return s
}

// release ends a subscription. It reports whether there is a working session; then done, unless nil, is called once no
// message of a channel that nobody else needs arrives any more.
func (l *listener) release(s *subscription, done func(error)) (up bool) {
	if done == nil {
		done = func(error) {}
	}
	var unused []string
	l.users.mu.Lock()
	if !s.released {
		s.released = true
		for _, channel := range s.channels {
			if l.users.count[channel]--; l.users.count[channel] == 0 {
				delete(l.users.count, channel)
				unused = append(unused, channel)
			}
		}
	}
	finish := l.putAll(unused, false, done)
	l.users.mu.Unlock()
	l.interruptReceive(errRequested)
	up = l.health.isUp()
	finish()
	return up
}

// putAll leaves a change of each channel to the receiving goroutine. done is called once, after all of them or with an
// error. An opposite change that is still waiting is not wanted any more. The caller holds users.mu and calls finish
// without it.
func (l *listener) putAll(channels []string, on bool, done func(error)) (finish func()) {
	var calls []func()
	var left atomic.Int64
	var failed atomic.Bool
	left.Store(int64(len(channels)))
	one := func(err error) {
		first := err != nil && failed.CompareAndSwap(false, true)
		if last := left.Add(-1) == 0; first || last && !failed.Load() {
			done(err)
		}
	}
	for _, channel := range channels {
		c := &change{on: on, done: one}
		switch superseded, err := l.subs.put(channel, c); {
		case err != nil:
			calls = append(calls, func() { one(err) })
		case superseded != nil:
			calls = append(calls, superseded.supersede)
		}
	}
	if len(channels) == 0 {
		calls = append(calls, func() { done(nil) })
	}
	return func() {
		for _, call := range calls {
			call()
		}
	}
}

// listen returns once messages on channels are sure to arrive. While the session is broken it waits until ctx ends.
func (l *listener) listen(ctx context.Context, channels []string) (*subscription, error) {
	done := make(chan error, 1)
	s := l.acquire(channels, func(err error) { done <- err })
	select {
	case err := <-done:
		return s, err
	case <-ctx.Done():
		l.release(s, nil)
		return s, ctx.Err()
	}
}

// unlisten returns once no more messages of the subscription arrive, at once while the session is broken. It is not
// withdrawn when ctx ends, so that the session does not listen to the channels for ever. s may be nil.
func (l *listener) unlisten(ctx context.Context, s *subscription) error {
	if s == nil {
		return nil
	}
	done := make(chan error, 1)
	if up := l.release(s, func(err error) { done <- err }); !up {
		return nil
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
