package pgxdriver

import (
	"context"
	"net"
	"time"
)

// watch wakes who reads a connection when a context ends: by a deadline in the past, with which a read returns at once and
// loses nothing.
//
// It stays on from one call to the next with the same context, because turning it on costs as much as receiving several
// messages. While it is on, a context that has ended fails any read; so it is turned off for what the context does not
// concern.
type watch struct {
	conn  net.Conn
	done  <-chan struct{} // of the context that is watched, nil if there is none
	stop  func() bool
	woken chan struct{} // closed once the deadline is set
}

// on watches ctx, and nothing else.
func (w *watch) on(ctx context.Context) {
	if ctx.Done() == w.done {
		return
	}
	w.off()
	if ctx.Done() == nil {
		return
	}
	woken := make(chan struct{})
	w.done, w.woken = ctx.Done(), woken
	w.stop = context.AfterFunc(ctx, func() {
		_ = w.conn.SetReadDeadline(time.Unix(1, 0))
		close(woken)
	})
}

// off watches nothing. Reading works again afterwards.
func (w *watch) off() {
	if w.done == nil {
		return
	}
	if !w.stop() {
		<-w.woken
		_ = w.conn.SetReadDeadline(time.Time{})
	}
	w.done, w.stop, w.woken = nil, nil, nil
}
