package socketio

import "sync"

// crew are the goroutines that call the application's funcs. A client has one while there is something to call; what the
// crew keeps, for others, is a few goroutines whose stacks have grown already, since growing one costs more than a handler.
type crew struct {
	mu   sync.Mutex // guards all below
	idle []chan *client
	over bool
}

// maxIdle is how many goroutines are kept.
const maxIdle = 32

// serve has somebody do c's work.
func (w *crew) serve(c *client) {
	w.mu.Lock()
	n := len(w.idle)
	if n == 0 {
		w.mu.Unlock()
		go w.run(c)
		return
	}
	next := w.idle[n-1]
	w.idle = w.idle[:n-1]
	w.mu.Unlock()
	next <- c // has room
}

func (w *crew) run(c *client) {
	next := make(chan *client, 1)
	done := false
	defer func() {
		if !done {
			go w.run(c) // a func of the application's has ended this goroutine
		}
	}()
	for c != nil {
		c.work()
		c = nil // and not kept while there is nothing to do
		w.mu.Lock()
		if w.over || len(w.idle) == maxIdle {
			w.mu.Unlock()
			break
		}
		w.idle = append(w.idle, next)
		w.mu.Unlock()
		c = <-next
	}
	done = true
}

// close ends those that are idle, and the others when they have done their work.
func (w *crew) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for _, next := range w.idle {
		close(next)
	}
	w.idle = nil
}
