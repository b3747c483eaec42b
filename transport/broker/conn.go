package broker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// Conn is a connection to a broker.
type Conn struct {
	net.Conn
	// In is a buffered reader of the connection. All reads must go through it.
	In *bufio.Reader

	spoiled bool // an interruption may have ended the reading of an Ender; only Do and the publisher use it
}

// Ender is implemented by a net.Conn that is read all the time, on a goroutine of its own. A Publisher then asks it,
// because it cannot look itself whether the broker has closed the connection.
type Ender interface {
	// Ended reports whether no more requests should be sent, because the broker has closed the connection, or is about
	// to. It does not wait.
	Ended() bool
}

// Dialer connects to a broker.
type Dialer struct {
	// Dial opens a connection, with TLS if required. It should return when ctx ends. If it does not, Connect returns
	// nevertheless, and closes the connection when it comes. Required.
	Dial func(ctx context.Context) (net.Conn, error)
	// Hello runs the handshake on a new connection, before anything else: it reads the broker's greeting,
	// authenticates, and so on. It is interrupted when the context of Connect ends. Default: no handshake.
	Hello func(c *Conn) error
}

// TCP returns a Dialer for a TCP address such as "127.0.0.1:6379".
func TCP(address string) Dialer {
	return Dialer{Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}}
}

// Connect opens a connection. It fails instead of waiting if the broker is unreachable.
func (d Dialer) Connect(ctx context.Context) (*Conn, error) {
	inner, err := d.dial(ctx)
	if err != nil {
		if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
			<-ctx.Done() // package net compares the deadline with the clock and may notice first
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	c := &Conn{Conn: inner, In: bufio.NewReader(inner)}
	if d.Hello == nil {
		return c, nil
	}
	if err := c.Do(ctx, func() error { return d.Hello(c) }); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// dial calls Dial on another goroutine, because dialers of client libraries may not look at the context.
func (d Dialer) dial(ctx context.Context) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	dialed := make(chan result, 1)
	go func() {
		conn, err := d.Dial(ctx)
		dialed <- result{conn, err}
	}()
	select {
	case r := <-dialed:
		return r.conn, r.err
	case <-ctx.Done():
	}
	go func() {
		if r := <-dialed; r.err == nil {
			r.conn.Close()
		}
	}()
	return nil, ctx.Err()
}

// Do calls f and makes its reads and writes fail as soon as ctx ends. Do then returns ctx.Err(), or the error of f that
// wraps it, unless f has succeeded. After an error the position in the stream is unknown: close the connection.
func (c *Conn) Do(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.SetDeadline(time.Unix(1, 0)) // in the past: reads and writes fail at once
		close(interrupted)
	})
	defer stop() // if f panics
	err := f()
	if stop() {
		return err
	}
	<-interrupted // the deadline is set: only now can it be removed
	c.SetDeadline(time.Time{})
	if _, reads := c.Conn.(Ender); reads { // the deadline may have ended its reading, although f has succeeded
		c.spoiled = true
	}
	if err != nil && !errors.Is(err, ctx.Err()) {
		return ctx.Err()
	}
	return err
}

// hasEnded reports whether the broker is known to have closed the connection. It does not wait.
func (c *Conn) hasEnded() bool {
	if c.spoiled {
		return true
	}
	if e, ok := c.Conn.(Ender); ok {
		return e.Ended()
	}
	return c.isClosed()
}

// saysGoodbye reports whether what has arrived is only the end of a TLS connection. It consumes nothing else, and
// waits at most for the rest of a record.
func (c *Conn) saysGoodbye() bool {
	if _, below := c.Conn.(interface{ NetConn() net.Conn }); !below || c.In.Buffered() > 0 {
		return false
	}
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	defer c.SetReadDeadline(time.Time{})
	_, err := c.In.Peek(1)
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// closeWrite tells the broker that no more requests follow, but does not close the connection: see
// waitForClose.
func (c *Conn) closeWrite() {
	c.SetDeadline(time.Time{})
	half, ok := c.rawConn().(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		c.Close()
	}
}

// waitForClose waits until the broker has closed a connection after closeWrite. By then the broker has read and
// processed everything that was sent. A broker that has not closed it by the deadline counts as dead. The error
// is that of ctx.
func (c *Conn) waitForClose(ctx context.Context, deadline time.Time) error {
	inner, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	raw := c.rawConn()
	err := c.Do(inner, func() error {
		_, err := io.Copy(io.Discard, raw)
		return err
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if inner.Err() != nil && err != nil {
		c.abort()
	}
	c.Close()
	return nil
}

// abort closes the connection and discards what the operating system has not sent yet.
func (c *Conn) abort() {
	if tcp, ok := c.rawConn().(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// rawConn returns the connection below TLS. A TLS connection cannot be written to after an interrupted write.
func (c *Conn) rawConn() net.Conn {
	if t, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return c.Conn
}
