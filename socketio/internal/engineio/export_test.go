package engineio

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
