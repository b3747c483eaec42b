// Package tcpbus is a whole transport in one file: Serve is a hub that passes messages on, and Bus speaks to it.
// The hub sends messages to the connection of a session, one line of JSON each. It is asked to do something
// over a connection made for that, with one line, and answers with an empty one when it is done.
package tcpbus

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// request asks the hub to publish, or to let a session, which it knows by its address, listen or unlisten.
type request struct {
	Do               string
	Messages         []transport.Message
	Session, Channel string
}

// Bus is a transport.Bus. Its medium is the hub at an address.
type Bus string

// Limits are none: JSON carries any channel name, and any payload in base64.
func (b Bus) Limits() transport.Limits { return transport.Limits{} }

// Publish returns when the hub has written msgs to all that listen.
func (b Bus) Publish(ctx context.Context, msgs ...transport.Message) error {
	return b.ask(ctx, request{Do: "publish", Messages: msgs})
}

// Open connects a session to the hub.
func (b Bus) Open(ctx context.Context) (transport.Session, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", string(b))
	if err != nil {
		return nil, err
	}
	return &session{bus: b, conn: conn, in: bufio.NewReader(conn)}, nil
}

// ask connects anew each time, which is simple. A quick bus would keep the connection.
func (b Bus) ask(ctx context.Context, r request) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", string(b))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err = json.NewEncoder(conn).Encode(r); err == nil {
		_, err = conn.Read(make([]byte, 1)) // to refuse, the hub closes the connection
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

type session struct {
	bus  Bus
	conn net.Conn
	in   *bufio.Reader
	part []byte // of a message whose end has not come yet
	err  error  // final
}

func (s *session) Listen(ctx context.Context, ch string) error   { return s.ask(ctx, "listen", ch) }
func (s *session) Unlisten(ctx context.Context, ch string) error { return s.ask(ctx, "unlisten", ch) }

func (s *session) ask(ctx context.Context, do, channel string) error {
	if s.err != nil {
		return s.err
	}
	return s.bus.ask(ctx, request{Do: do, Session: s.conn.LocalAddr().String(), Channel: channel})
}

func (s *session) Receive(ctx context.Context) (m transport.Message, err error) {
	if s.err != nil {
		return m, s.err
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { s.conn.SetReadDeadline(time.Unix(1, 0)); close(ended) })
	p, err := s.in.ReadBytes('\n')
	s.part = append(s.part, p...) // if this is not all, the next Receive goes on from here
	if !stop() {
		<-ended
		s.conn.SetReadDeadline(time.Time{})
		if err != nil {
			return m, ctx.Err()
		}
	}
	if err == nil {
		err = json.Unmarshal(s.part, &m)
		s.part = nil
	}
	s.err = err
	return m, err
}

func (s *session) Close(context.Context) error {
	s.err = transport.ErrClosed
	s.conn.Close() // closing again does nothing
	return nil
}

// Serve is the hub. It returns when ln is closed.
func Serve(ln net.Listener) {
	var mu sync.Mutex // guards channels; one request at a time makes the one order that all sessions see
	channels := make(map[net.Conn]map[string]bool)
	do := func(r request) (done bool) {
		mu.Lock()
		defer mu.Unlock()
		for to, listening := range channels {
			if to.RemoteAddr().String() == r.Session {
				listening[r.Channel], done = r.Do == "listen", true
			}
			for _, m := range r.Messages {
				if listening[m.Channel] {
					to.SetWriteDeadline(time.Now().Add(time.Second))
					if json.NewEncoder(to).Encode(m) != nil {
						to.Close() // who takes nothing must not hold up the others
					}
				}
			}
		}
		return done || r.Do == "publish"
	}
	for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
		mu.Lock()
		channels[conn] = make(map[string]bool)
		mu.Unlock()
		go func() {
			var r request
			for in := json.NewDecoder(conn); in.Decode(&r) == nil && do(r); r = (request{}) {
				conn.Write([]byte("\n"))
			}
			mu.Lock()
			delete(channels, conn)
			mu.Unlock()
			conn.Close()
		}()
	}
}
