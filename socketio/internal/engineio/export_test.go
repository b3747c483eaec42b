package engineio

import "time"

// Polls reports whether a poll of c waits. A test cannot see from outside when one has arrived.
func (c *Conn) Polls() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.poll != nil
}

// Queued returns the number of frames that wait for c's client.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.frames
}

// SetHeadTimeout sets how long a client may take for the head of a request, until the func that it returns is called.
func SetHeadTimeout(d time.Duration) (restore func()) {
	before := headTimeout
	headTimeout = d
	return func() { headTimeout = before }
}
