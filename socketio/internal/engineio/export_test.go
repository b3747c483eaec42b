package engineio

import "net/http"

// Polls reports whether a poll of c waits. A test cannot see from outside when one has arrived.
func (c *Conn) Polls() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.poll != nil
}

// Queued returns the number of frames that wait for c's client.
func (c *Conn) Queued() int { return (*source)(c).Waiting() }

// Encode compresses the response to a poll whose client accepts that.
func Encode(accept string, body []byte) []byte {
	return encode(http.Header{}, &http.Request{Header: http.Header{"Accept-Encoding": {accept}}}, body)
}

// Pace is pace.
var Pace = pace

// MinStep is minStep.
const MinStep = minStep
