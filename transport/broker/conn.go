package broker

import (
	"bufio"
	"context"
	"io"
	"net"
	"time"
)

// Conn is a connection to a broker.
type Conn struct {
	net.Conn
	// In reads from the connection, through a buffer. Read with nothing else.
	In *bufio.Reader
}

// Dialer connects to a broker.
type Dialer struct {
	// Dial opens a connection, with TLS if that is wanted, and returns when ctx ends. Required.
	Dial func(ctx context.Context) (net.Conn, error)
	// Hello speaks with the broker before anything else: it reads the broker's greeting, authenticates, and so on. It is interrupted when
	// the context of Connect ends. If it is nil, nothing is said.
	Hello func(c *Conn) error
}

// TCP returns a Dialer for a TCP address such as "127.0.0.1:6379".
func TCP(address string) Dialer {
	return Dialer{Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) }}
}

// Connect opens a connection. It fails, rather than waits, if the broker cannot be reached.
func (d Dialer) Connect(ctx context.Context) (*Conn, error) {
	inner, err := d.Dial(ctx)
	if err != nil {
		if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
			<-ctx.Done() // package net looks at the clock itself, and may be ahead
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

// Do calls f, whose reads and writes fail as soon as ctx has ended. Do then returns ctx.Err(), unless f has succeeded. After an error
// nobody knows where in the stream the connection stands: close it.
func (c *Conn) Do(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.SetDeadline(time.Unix(1, 0)) // in the past: whatever waits fails at once
		close(interrupted)
	})
	defer stop() // if f panics
	err := f()
	if stop() {
		return err
	}
	<-interrupted // the deadline is set: only now it can be taken back
	c.SetDeadline(time.Time{})
	if err != nil {
		return ctx.Err()
	}
	return nil
}

// giveUp tells the broker that nothing more will come, but does not close the connection: see drain.
func (c *Conn) giveUp() {
	c.SetDeadline(time.Time{})
	half, ok := c.bare().(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		c.Close()
	}
}

// drain waits until the broker has closed a connection that was given up. By then it has read and carried out all that was sent.
// A broker that has not done so after some time is taken for dead. The error is that of ctx.
func (c *Conn) drain(ctx context.Context, until time.Time) error {
	inner, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	bare := c.bare()
	err := c.Do(inner, func() error {
		_, err := io.Copy(io.Discard, bare)
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

// abort closes the connection and drops what the system has not sent yet.
func (c *Conn) abort() {
	if tcp, ok := c.bare().(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// bare is the connection without TLS, which cannot write any more once it was interrupted.
func (c *Conn) bare() net.Conn {
	if t, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return c.Conn
}
