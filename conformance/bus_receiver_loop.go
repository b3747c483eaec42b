package conformance

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// receiverLoop receives from a session for a recorder, as fast as it can.
type receiverLoop struct {
	mu      sync.Mutex // guards the following fields
	changed chan struct{}
	arrived []arrival
	err     error
	checked int // how many elements of arrived waitFor has looked at
}

// arrival describes a received message: which message of which Publish it is, its size and its channel. If
// unexpected is not empty, it describes a message that nobody has published.
type arrival struct {
	publish, message, size int
	channel                string
	unexpected             string
}

func (c *busChecker) startReceiver(s transport.Session) *receiverLoop {
	r := &receiverLoop{changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(c.Context())
	ended := c.runInBackground(func() error {
		defer func() {
			if v := recover(); v != nil {
				r.add(transport.Message{}, &panicError{v, debug.Stack()})
			}
		}()
		for {
			m, err := s.Receive(ctx)
			r.add(m, err)
			if err != nil {
				return err
			}
		}
	})
	c.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(c.patience):
		}
	})
	return r
}

func (r *receiverLoop) add(m transport.Message, err error) {
	a := arrival{size: len(m.Payload), channel: m.Channel}
	if err == nil {
		n, rest, _ := bytes.Cut(m.Payload, []byte("."))
		i, _, _ := bytes.Cut(rest, []byte(":"))
		a.publish, _ = strconv.Atoi(string(n))
		a.message, _ = strconv.Atoi(string(i))
		if a.publish < 0 || a.message < 0 || !bytes.Equal(recordedPayload(a.publish, a.message, a.size), m.Payload) {
			a.unexpected = showMessage(m)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.err = err
	} else {
		r.arrived = append(r.arrived, a)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// waitFor tells whether message i of Publish n arrives in time.
func (r *receiverLoop) waitFor(n, i int, patience time.Duration) bool {
	limit := time.After(patience)
	for {
		r.mu.Lock()
		for ; r.checked < len(r.arrived); r.checked++ {
			if a := r.arrived[r.checked]; a.publish == n && a.message == i {
				r.mu.Unlock()
				return true
			}
		}
		changed, failed := r.changed, r.err
		r.mu.Unlock()
		if failed != nil {
			return false
		}
		select {
		case <-changed:
		case <-limit:
			return false
		}
	}
}

func (r *receiverLoop) arrivals() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.arrived
}

// describeSilence says why no more messages have arrived.
func (r *receiverLoop) describeSilence(patience time.Duration) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return fmt.Sprintf("the error %q", r.err)
	}
	return fmt.Sprintf("no message for %v", patience)
}

// hasEnded tells whether the session has ended.
func (r *receiverLoop) hasEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err != nil
}
