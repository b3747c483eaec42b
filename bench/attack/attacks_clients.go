package main

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// refused ignores the error of a client whose connection the server has closed, as it may during an attack.
func refused(error) error { return nil }

// each calls f for all clients concurrently and waits until all calls have returned. Errors are ignored: the server may
// disconnect the clients.
func each(all []*client, f func(*client) error) {
	var group sync.WaitGroup
	for _, c := range all {
		group.Go(func() { _ = refused(f(c)) })
	}
	group.Wait()
}

// sendLimit limits how long an attacker tries to send, because the server may stop reading.
const sendLimit = 5 * time.Second

// send sends the same message n times, or until the server closes the connection or sendLimit is over.
func (c *client) send(n int, message string) error {
	_ = c.nc.SetWriteDeadline(time.Now().Add(sendLimit))
	for range n {
		if err := c.text(message); err != nil {
			return err
		}
	}
	return nil
}

func leaveWaiting(clients, events int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		all, err := a.members(clients)
		if err != nil {
			return err
		}
		each(all, func(c *client) error { return c.send(events, `42["wait",1]`) })
		leave(all)
		return nil
	}
}

func leaveAsked(clients, events int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		all, err := a.members(clients)
		if err != nil {
			return err
		}
		each(all, func(c *client) error {
			if err := c.text(`42["ask"]`); err != nil {
				return err
			}
			return c.send(events, `42["data",1]`)
		})
		leave(all)
		return nil
	}
}

func leaveLarge(clients, megabytes int) func(context.Context, *arena) error {
	message := `42["wait","` + strings.Repeat("x", 700_000) + `"]`
	return func(_ context.Context, a *arena) error {
		all, err := a.members(clients)
		if err != nil {
			return err
		}
		each(all, func(c *client) error { return c.send(megabytes<<20/len(message), message) })
		leave(all)
		return nil
	}
}

func leaveSilently(clients, events int) func(context.Context, *arena) error {
	return func(ctx context.Context, a *arena) error {
		all, err := a.members(clients)
		if err != nil {
			return err
		}
		each(all, func(c *client) error { return c.send(events, `42["wait",1]`) })
		time.Sleep(pingInterval + pingTimeout + 2*time.Second) // until the ping timeout is over
		s, err := a.ask(question{Do: "settle"})
		if err != nil {
			return err
		}
		a.require(s.Files < clients/2, "%d descriptors are open after the ping timeout, although no client answered "+
			"a ping", s.Files)
		leave(all)
		return nil
	}
}

func namespaces(n int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		c, err := a.member()
		if err != nil {
			return err
		}
		defer c.nc.Close()
		joined, refusals := 0, 0
		var reading sync.WaitGroup
		reading.Go(func() {
			for {
				p, err := c.next()
				switch {
				case err != nil:
					return
				case strings.HasPrefix(p, "40/"):
					joined++
				case strings.HasPrefix(p, "44/"):
					refusals++
				}
				if joined+refusals == n {
					return
				}
			}
		})
		_ = c.nc.SetDeadline(time.Now().Add(20 * time.Second))
		for i := range n {
			if refused(c.text(fmt.Sprintf("40/dynamic-%d,", i))) != nil {
				break
			}
		}
		reading.Wait()
		a.note("%d joined, %d refused", joined, refusals)
		a.require(joined < n, "a client joined %d namespaces", joined)
		return nil
	}
}

func rooms(n int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		c, err := a.member()
		if err != nil {
			return err
		}
		defer c.nc.Close()
		_ = c.nc.SetWriteDeadline(time.Now().Add(20 * time.Second))
		for i := range n {
			if err := c.text(fmt.Sprintf(`42["join","room-%d"]`, i)); err != nil {
				break // the server has closed the connection
			}
		}
		return nil
	}
}

func flood(clients int, length time.Duration) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		all, err := a.members(clients)
		if err != nil {
			return err
		}
		message := ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`42["data",1]`))))
		burst := bytes.Repeat(message, 100)
		end := time.Now().Add(length)
		each(all, func(c *client) error {
			_ = c.nc.SetWriteDeadline(end)
			for time.Now().Before(end) {
				if _, err := c.nc.Write(burst); err != nil {
					return err
				}
			}
			return nil
		})
		leave(all)
		return nil
	}
}

func notReading(clients, events, size int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		all, err := a.members(clients)
		if err != nil {
			return err
		}
		c, err := a.member()
		if err != nil {
			return err
		}
		go func() {
			for {
				if _, err := c.next(); err != nil {
					return
				}
			}
		}()
		for range events {
			if err := c.text(fmt.Sprintf(`42["broadcast",%d]`, size)); err != nil {
				break
			}
			time.Sleep(5 * time.Millisecond) // give the other clients time to read
		}
		leave(append(all, c))
		return nil
	}
}

func halfMessages(clients, size int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		all, err := a.members(clients)
		if err != nil {
			return err
		}
		each(all, func(c *client) error {
			_ = c.nc.SetWriteDeadline(time.Now().Add(sendLimit))
			f := ws.NewFrame(ws.OpText, false, []byte(`42["data","`+strings.Repeat("x", size)))
			return ws.WriteFrame(c.nc, ws.MaskFrameInPlace(f))
		})
		time.Sleep(time.Second) // give the server time to read
		leave(all)
		return nil
	}
}

func attachments(clients, n, size int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		all, err := a.members(clients)
		if err != nil {
			return err
		}
		placeholders := make([]string, n+1)
		for i := range placeholders {
			placeholders[i] = fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i)
		}
		each(all, func(c *client) error {
			_ = c.nc.SetWriteDeadline(time.Now().Add(sendLimit))
			if err := c.text(fmt.Sprintf(`45%d-["data",%s]`, n+1, strings.Join(placeholders, ","))); err != nil {
				return err
			}
			for range n {
				if err := ws.WriteFrame(c.nc, ws.MaskFrameInPlace(ws.NewBinaryFrame(make([]byte, size)))); err != nil {
					return err
				}
			}
			return nil
		})
		time.Sleep(time.Second) // give the server time to read
		leave(all)
		return nil
	}
}

func deflate(n, size int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		nc, err := a.connect()
		if err != nil {
			return err
		}
		c, err := dial(nc, wsflate.DefaultParameters.Option())
		if err != nil {
			return err
		}
		defer c.nc.Close()
		if err := c.join(); err != nil {
			return err
		}
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, flate.BestCompression)
		if err != nil {
			return err
		}
		_, _ = io.WriteString(w, `42["data","`+strings.Repeat("x", size)+`"]`) // writing to a Buffer never fails
		_ = w.Flush()
		f := ws.NewTextFrame(bytes.TrimSuffix(packed.Bytes(), []byte{0, 0, 0xff, 0xff}))
		f.Header.Rsv = ws.Rsv(true, false, false)
		for range n {
			if err := ws.WriteFrame(c.nc, ws.MaskFrame(f)); err != nil {
				return err
			}
		}
		return c.echo()
	}
}

func tree(n, size int) func(context.Context, *arena) error {
	const depth = 80
	branch := strings.Repeat("[", depth) + strings.Repeat("0,", depth) + "0" + strings.Repeat("]", depth) + ","
	return func(_ context.Context, a *arena) error {
		c, err := a.member()
		if err != nil {
			return err
		}
		defer c.nc.Close()
		if err := c.send(n, `42["data",`+strings.Repeat(branch, size/len(branch))+`0]`); err != nil {
			return err
		}
		return c.echo()
	}
}

func number(digits int) func(context.Context, *arena) error {
	return func(_ context.Context, a *arena) error {
		c, err := a.member()
		if err != nil {
			return err
		}
		defer c.nc.Close()
		long := strings.Repeat("9", digits)
		for _, message := range []string{
			`42["echo",` + long + `]`, `421["echo",` + long + `]`, `42["` + long + `"]`, `40/` + long + `,`,
		} {
			if err := c.text(message); err != nil {
				return err
			}
		}
		if err := c.echo(); err != nil {
			return err
		}
		s, err := a.ask(question{Do: "state"})
		a.note("the longest log line has %d bytes", s.Line)
		a.require(s.Line <= 4096, "a log line has %d bytes, the limit is 4096", s.Line)
		return err
	}
}

// echo waits until the server has handled all earlier messages of the client.
func (c *client) echo() error {
	_ = c.nc.SetDeadline(time.Now().Add(time.Minute))
	if err := c.text(`427["echo",7]`); err != nil {
		return err
	}
	for {
		p, err := c.next()
		if err != nil || strings.HasPrefix(p, "437") {
			return err
		}
	}
}
