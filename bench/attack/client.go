package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// client is a Socket.IO client over WebSocket that sends nothing on its own.
type client struct {
	nc net.Conn
	rw io.ReadWriter
}

// dial opens a WebSocket over nc and offers the extensions.
func dial(nc net.Conn, extensions ...httphead.Option) (*client, error) {
	d := ws.Dialer{Timeout: 30 * time.Second, Extensions: extensions,
		NetDial: func(context.Context, string, string) (net.Conn, error) { return nc, nil }}
	conn, early, _, err := d.Dial(context.Background(), "ws://127.0.0.1/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	if early == nil {
		early = bufio.NewReader(conn)
	}
	c := &client{nc: conn, rw: struct {
		io.Reader
		io.Writer
	}{early, conn}}
	return c, nil
}

// join joins the main namespace.
func (c *client) join() error {
	if err := c.text("40"); err != nil {
		return err
	}
	for {
		p, err := c.next()
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(p, "40"):
			return nil
		case strings.HasPrefix(p, "44"):
			return fmt.Errorf("refused: %s", p)
		}
	}
}

// text sends a message.
func (c *client) text(p string) error { return wsutil.WriteClientText(c.nc, []byte(p)) }

// next returns the next message of the server and answers pings.
func (c *client) next() (string, error) {
	for {
		p, err := wsutil.ReadServerText(c.rw)
		switch {
		case err != nil:
			return "", err
		case string(p) != "2":
			return string(p), nil
		}
		if err := c.text("3"); err != nil {
			return "", err
		}
	}
}

// member connects an attacker's client to the main namespace.
func (a *arena) member() (*client, error) {
	nc, err := a.connect()
	if err != nil {
		return nil, err
	}
	c, err := dial(nc)
	if err != nil {
		return nil, err
	}
	if err := c.join(); err != nil {
		_ = c.nc.Close()
		return nil, err
	}
	return c, nil
}

// members connects n of an attacker's clients.
func (a *arena) members(n int) ([]*client, error) {
	all := make([]*client, n)
	for i := range all {
		var err error
		if all[i], err = a.member(); err != nil {
			return nil, fmt.Errorf("client %d: %w", i, err)
		}
	}
	return all, nil
}

// leave closes the connections of clients.
func leave(all []*client) {
	for _, c := range all {
		_ = c.nc.Close()
	}
}

// honest is the well-behaved client: it calls the server all the time, one call after the other.
type honest struct {
	client *client
	over   chan struct{}
	done   sync.WaitGroup

	took []time.Duration
	err  error
}

// pause is the time between two calls of the well-behaved client.
const pause = 10 * time.Millisecond

func newHonest(addr string) (*honest, error) {
	nc, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	c, err := dial(nc)
	if err == nil {
		err = c.join()
	}
	if err != nil {
		return nil, fmt.Errorf("the well-behaved client: %w", err)
	}
	h := &honest{client: c, over: make(chan struct{})}
	h.done.Go(h.callUntilStopped)
	return h, nil
}

func (h *honest) callUntilStopped() {
	for n := 0; ; n++ { // at least one call, even during a short attack
		start := time.Now()
		if h.err = h.call(n); h.err != nil {
			return
		}
		h.took = append(h.took, time.Since(start))
		select {
		case <-h.over:
			return
		case <-time.After(pause):
		}
	}
}

// call sends an event and waits for its acknowledgement.
func (h *honest) call(n int) error {
	_ = h.client.nc.SetReadDeadline(time.Now().Add(30 * time.Second)) // a closed connection shows when reading
	if err := h.client.text(fmt.Sprintf(`42%d["echo",%d]`, n, n)); err != nil {
		return err
	}
	want := "43" + strconv.Itoa(n) + "["
	for {
		p, err := h.client.next()
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(p, want):
			return nil
		case p == "41" || p == "1":
			return errors.New("disconnected by the server")
		}
	}
}

// stop stops the client and writes its figures to r.
func (h *honest) stop(r *row) {
	close(h.over)
	h.done.Wait()
	_ = h.client.nc.Close()
	r.calls = len(h.took)
	if h.err != nil {
		r.unserved = 1
		r.notes = append(r.notes, "the well-behaved client: "+h.err.Error())
	}
	if len(h.took) == 0 {
		return
	}
	slices.Sort(h.took)
	r.typical, r.worst = h.took[len(h.took)/2], h.took[len(h.took)-1]
}
