package engineio

import "net/http"

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

// Gather has a writer gather what send queues for c, and returns how many frames that is.
func (c *Conn) Gather(send func()) int {
	w := &writer{}
	w.push(c)
	go send()
	w.gather()
	return c.Queued()
}

// Push queues a frame for c, without telling its writer.
func (c *Conn) Push(f *Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.push(queued{frame: f})
}

// Encode compresses the answer to a poll whose client accepts that.
func Encode(accept string, body []byte) []byte {
	return encode(http.Header{}, &http.Request{Header: http.Header{"Accept-Encoding": {accept}}}, body)
}
