package load

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ring is the maximum number of outstanding broadcasts.
const ring = 4096

// broadcasts counts what the server sends to all clients. Client 0 triggers a broadcast with the event "go"; the server
// sends its argument to all clients as the event "m".
type broadcasts struct {
	loop    *loop
	clients int
	size    int

	sent      int // broadcasts triggered
	done      int // broadcasts that have reached all clients
	delivered int
	missing   int
	doubled   int
	due       [ring][]byte // the bytes of each outstanding broadcast
	waiting   [ring]int    // how many clients have not received it
	at        [ring]int64  // when it was triggered, Unix nanoseconds
	late      []int32      // latencies in microseconds, while measuring
	measuring bool
}

func (r *run) broadcasts() error {
	b := &broadcasts{loop: r.loop, clients: r.Clients, size: r.Size}
	r.loop.message = b.message
	if err := r.loop.openAll(r.Clients, 64, 6*patience); err != nil {
		return err
	}
	if r.loop.connected < r.Clients {
		return errSlow
	}
	drive := func(length float64) error { return r.closedLoop(b, seconds(length)) }
	if r.Do == "paced" {
		b.late = make([]int32, 0, int(float64(r.Clients)*r.Rate*(r.Measure+1)))
		drive = func(length float64) error { return r.openLoop(b, seconds(length)) }
	}
	if err := drive(r.Warm); err != nil {
		return err
	}
	before := b.delivered
	b.measuring = true
	r.begin()
	if err := drive(r.Measure); err != nil {
		return err
	}
	b.measuring = false
	r.end(b.delivered-before, b.latency())
	err := r.readUntil(patience, func() bool { return b.done == b.sent })
	if err != nil {
		return err
	}
	for _, c := range r.loop.conns {
		b.missing += b.sent - c.next
	}
	r.done(b.missing, b.doubled)
	return nil
}

// closedLoop keeps InFlight broadcasts outstanding: it triggers a new one for each that has reached all clients.
func (r *run) closedLoop(b *broadcasts, length time.Duration) error {
	for end := time.Now().Add(length); ; {
		if more := r.InFlight - (b.sent - b.done); more > 0 {
			if err := b.trigger(more); err != nil {
				return err
			}
		}
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := r.loop.round(left); err != nil {
			return err
		}
	}
}

// openLoop triggers broadcasts at a fixed rate, whether or not the previous ones have arrived. While a broadcast is
// outstanding it polls instead of sleeping: over the loopback interface, a server that writes to a sleeping process
// pays for waking it up, which costs more than the write itself. A server with clients on other machines does not.
func (r *run) openLoop(b *broadcasts, length time.Duration) error {
	pace := seconds(1 / r.Rate)
	start := time.Now()
	for i := 0; ; {
		elapsed := time.Since(start)
		if elapsed >= length {
			return nil
		}
		next := time.Duration(i) * pace
		if elapsed >= next {
			if err := b.trigger(1); err != nil {
				return err
			}
			i++
			continue
		}
		wait := min(next, length) - elapsed
		if b.done < b.sent {
			wait = 0 // poll
		}
		if err := r.loop.round(wait); err != nil {
			return err
		}
	}
}

// trigger makes the server broadcast n times.
func (b *broadcasts) trigger(n int) error {
	if b.sent-b.done+n > ring {
		return fmt.Errorf("%d broadcasts are outstanding: %w", b.sent-b.done, errSlow)
	}
	out := b.loop.out[:0]
	for range n {
		slot := b.sent % ring
		arg := argument(b.size-len(`42["m",]`), b.sent)
		due := b.loop.dialect.broadcast
		b.due[slot] = append(append(append(b.due[slot][:0], due[0]...), arg...), due[1]...)
		b.waiting[slot] = b.clients
		b.at[slot] = time.Now().UnixNano()
		out = masked(out, b.loop.dialect.trigger[0]+arg+b.loop.dialect.trigger[1])
		b.sent++
	}
	b.loop.out = out
	return b.loop.conns[0].write(out)
}

func (b *broadcasts) message(c *conn, p []byte) error {
	if c.next < b.sent && bytes.Equal(p, b.due[c.next%ring]) {
		b.got(c)
		return nil
	}
	// It is not the expected broadcast. Find out which one it is.
	text, ok := bytes.CutPrefix(p, []byte(b.loop.dialect.broadcast[0]+`{"i":`))
	number, _, _ := bytes.Cut(text, []byte(","))
	i, err := strconv.Atoi(string(number))
	switch {
	case !ok || err != nil || i >= b.sent || i >= c.next && !bytes.Equal(p, b.due[i%ring]):
		return fmt.Errorf("unexpected message %.200q", p)
	case i < c.next:
		b.doubled++
		return nil
	}
	for c.next < i {
		b.missing++
		b.settle(c)
	}
	b.got(c)
	return nil
}

// got counts the delivery of the expected broadcast.
func (b *broadcasts) got(c *conn) {
	b.delivered++
	if b.measuring && b.late != nil {
		b.late = append(b.late, int32((time.Now().UnixNano()-b.at[c.next%ring])/1000))
	}
	b.settle(c)
}

func (b *broadcasts) settle(c *conn) {
	slot := c.next % ring
	c.next++
	if b.waiting[slot]--; b.waiting[slot] == 0 {
		b.done++
	}
}

// latency returns the percentiles of the measured latencies.
func (b *broadcasts) latency() (r Reply) {
	slices.Sort(b.late)
	if n := len(b.late); n > 0 {
		r.P50, r.P99 = float64(b.late[n/2]), float64(b.late[n*99/100])
	}
	return r
}

var padding = strings.Repeat("the quick brown fox jumps over a lazy dog ", 100)

// argument returns the argument of message i, size bytes of JSON.
func argument(size, i int) string {
	number := strconv.Itoa(i)
	return `{"i":` + number + `,"pad":"` + padding[:max(0, size-len(`{"i":,"pad":""}`)-len(number))] + `"}`
}
