package pgxdriver

import (
	"context"
	"net"
	"time"
)

// interrupter ends the reads of a connection when a context ends. It sets a read deadline in the past, which
// makes a read return at once and loses no data.
//
// It stays armed from one call to the next with the same context, because arming it costs as much as receiving
// several messages. While it is armed, a context that has ended fails every read. So it must be disarmed for
// reads that are independent of the context.
type interrupter struct {
	conn        net.Conn
	done        <-chan struct{} // of the context; nil if not armed
	stop        func() bool
	deadlineSet chan struct{} // closed when the deadline is set
}

// arm makes the interrupter observe ctx only.
func (i *interrupter) arm(ctx context.Context) {
	if ctx.Done() == i.done {
		return
	}
	i.disarm()
	if ctx.Done() == nil {
		return
	}
	deadlineSet := make(chan struct{})
	i.done, i.deadlineSet = ctx.Done(), deadlineSet
	i.stop = context.AfterFunc(ctx, func() {
		_ = i.conn.SetReadDeadline(time.Unix(1, 0))
		close(deadlineSet)
	})
}

// disarm makes reads work again, independently of any context.
func (i *interrupter) disarm() {
	if i.done == nil {
		return
	}
	if !i.stop() {
		<-i.deadlineSet
		_ = i.conn.SetReadDeadline(time.Time{})
	}
	i.done, i.stop, i.deadlineSet = nil, nil, nil
}
