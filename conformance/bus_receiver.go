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

// receiver receives from a session for a ledger, as fast as it can.
type receiver struct {
	mu     sync.Mutex // guards what follows
	news   chan struct{}
	all    []arrival
	failed error
	seen   int // by wait
}

// arrival is what is kept of a message: its place, its size and its channel. odd describes what cannot have been published.
type arrival struct {
	n, i, size int
	channel    string
	odd        string
}

func (c *busCase) receiver(s transport.Session) *receiver {
	r := &receiver{news: make(chan struct{})}
	ctx, cancel := context.WithCancel(c.Context())
	ended := c.background(func() error {
		defer func() {
			if v := recover(); v != nil {
				r.add(transport.Message{}, &panicked{v, debug.Stack()})
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

func (r *receiver) add(m transport.Message, err error) {
	a := arrival{size: len(m.Payload), channel: m.Channel}
	if err == nil {
		n, rest, _ := bytes.Cut(m.Payload, []byte("."))
		i, _, _ := bytes.Cut(rest, []byte(":"))
		a.n, _ = strconv.Atoi(string(n))
		a.i, _ = strconv.Atoi(string(i))
		if a.n < 0 || a.i < 0 || !bytes.Equal(payload(a.n, a.i, a.size), m.Payload) {
			a.odd = show(m)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.failed = err
	} else {
		r.all = append(r.all, a)
	}
	close(r.news)
	r.news = make(chan struct{})
}

// wait tells whether message i of Publish n arrives in time.
func (r *receiver) wait(n, i int, patience time.Duration) bool {
	limit := time.After(patience)
	for {
		r.mu.Lock()
		for ; r.seen < len(r.all); r.seen++ {
			if a := r.all[r.seen]; a.n == n && a.i == i {
				r.mu.Unlock()
				return true
			}
		}
		news, failed := r.news, r.failed
		r.mu.Unlock()
		if failed != nil {
			return false
		}
		select {
		case <-news:
		case <-limit:
			return false
		}
	}
}

func (r *receiver) arrivals() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

// silence says why nothing more has come.
func (r *receiver) silence(patience time.Duration) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return fmt.Sprintf("the error %q", r.failed)
	}
	return fmt.Sprintf("nothing for %v", patience)
}

// broken tells whether the session has ended.
func (r *receiver) broken() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed != nil
}
