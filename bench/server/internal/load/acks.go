package load

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// acks makes every client emit an event with an acknowledgement, and the next event when the acknowledgement arrives.
func (r *run) acks() error {
	count, doubled, waiting, stop := 0, 0, 0, false
	var want []byte
	ask := func(c *conn) error {
		waiting++
		c.sent = time.Now().UnixNano()
		r.loop.out = masked(r.loop.out[:0], `42`+strconv.Itoa(c.next)+`["q",`+r.request(c)+`]`)
		return c.write(r.loop.out)
	}
	r.loop.message = func(c *conn, p []byte) error {
		want = append(strconv.AppendInt(append(want[:0], `43`...), int64(c.next), 10), '[')
		want = append(append(want, r.request(c)...), ']')
		if !bytes.Equal(p, want) {
			if bytes.HasPrefix(p, fmt.Appendf(nil, "43%d[", c.next-1)) {
				doubled++
				return nil
			}
			return fmt.Errorf("unexpected message %.200q", p)
		}
		count++
		waiting--
		c.next++
		if stop {
			return nil
		}
		return ask(c)
	}
	if err := r.loop.openAll(r.Clients, 64, patience); err != nil {
		return err
	}
	if r.loop.connected < r.Clients {
		return errSlow
	}
	for _, c := range r.loop.conns {
		if err := ask(c); err != nil {
			return err
		}
	}
	if err := r.readUntil(seconds(r.Warm), never); err != nil {
		return err
	}
	before := count
	r.begin()
	if err := r.readUntil(seconds(r.Measure), never); err != nil {
		return err
	}
	r.end(count-before, Reply{})
	stop = true
	if err := r.readUntil(patience, func() bool { return waiting == 0 }); err != nil {
		return err
	}
	r.done(waiting, doubled)
	return nil
}

func (r *run) request(c *conn) string { return argument(r.Size-len(`421000["q",]`), c.next) }
