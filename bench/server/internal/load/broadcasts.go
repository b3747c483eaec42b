package load

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ring is the most broadcasts outstanding.
const ring = 4096

// broadcasts counts what the server sends to everybody. A broadcast is triggered by the event "go" of client 0, whose argument
// the server sends to all as the event "m".
type broadcasts struct {
	loop    *loop
	clients int
	size    int

	sent      int // broadcasts triggered
	done      int // that all have got
	delivered int
	missing   int
	doubled   int
	due       [ring][]byte // the bytes of a broadcast
	waiting   [ring]int    // clients that have not got it
	at        [ring]int64  // when it was triggered
	late      []int32      // microseconds, while they are measured
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
	drive := func(length float64) error { return r.closed(b, seconds(length)) }
	if r.Do == "paced" {
		b.late = make([]int32, 0, int(float64(r.Clients)*r.Rate*(r.Measure+1)))
		drive = func(length float64) error { return r.paced(b, seconds(length)) }
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
	err := r.rounds(patience, func() bool { return b.done == b.sent })
	if err != nil {
		return err
	}
	for _, c := range r.loop.conns {
		b.missing += b.sent - c.next
	}
	r.done(b.missing, b.doubled)
	return nil
}

// closed keeps so many broadcasts outstanding: as many more are triggered as have reached all.
func (r *run) closed(b *broadcasts, length time.Duration) error {
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

// paced triggers broadcasts at a fixed rate, whether those before have arrived or not. While one is on its way it does not sleep:
// a server whose client is on another machine does not pay for waking it up, and over the loopback interface that would cost
// it more than sending.
func (r *run) paced(b *broadcasts, length time.Duration) error {
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
			wait = 0 // see paced
		}
		if err := r.loop.round(wait); err != nil {
			return err
		}
	}
}

// trigger has the server broadcast n times.
func (b *broadcasts) trigger(n int) error {
	if b.sent-b.done+n > ring {
		return fmt.Errorf("%d broadcasts have not arrived: %w", b.sent-b.done, errSlow)
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
	// Not the one that is due: find out which it is.
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

// got counts the delivery that was due.
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

// latency is the percentiles of what was measured.
func (b *broadcasts) latency() (r Reply) {
	slices.Sort(b.late)
	if n := len(b.late); n > 0 {
		r.P50, r.P99 = float64(b.late[n/2]), float64(b.late[n*99/100])
	}
	return r
}

var padding = strings.Repeat("the quick brown fox jumps over a lazy dog ", 100)

// argument is JSON of that many bytes that says which message it is.
func argument(size, i int) string {
	number := strconv.Itoa(i)
	return `{"i":` + number + `,"pad":"` + padding[:max(0, size-len(`{"i":,"pad":""}`)-len(number))] + `"}`
}
