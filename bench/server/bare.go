package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// bareServer does what broadcasts need at the very least: the event that triggers one is framed once and written to one client
// after the other, with nothing between a loop and the system call. It knows one event, the load generator's, and trusts
// everybody.
type bareServer struct {
	mu      sync.Mutex // guards all below
	clients []syscall.RawConn
}

// listenBare starts a bare server.
func listenBare() (addr string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := new(bareServer)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if err := s.serve(conn.(*net.TCPConn)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
					fmt.Fprintln(os.Stderr, "bare:", err)
				}
			}()
		}
	}()
	return listener.Addr().String(), nil
}

// serve answers the handshakes of one client and broadcasts what it sends.
func (s *bareServer) serve(conn *net.TCPConn) error {
	if _, err := ws.Upgrade(conn); err != nil {
		return err
	}
	if err := wsutil.WriteServerText(conn, []byte(`0{"sid":"bare","upgrades":[],"pingInterval":300000,"pingTimeout":200000,"maxPayload":1000000}`)); err != nil {
		return err
	}
	for {
		p, err := wsutil.ReadClientText(conn)
		if err != nil {
			return err
		}
		if arg, is := bytes.CutPrefix(p, []byte(`42["go",`)); is {
			err = s.broadcast(append([]byte(`42["m",`), arg...))
		} else if string(p) == "40" {
			err = s.join(conn)
		}
		if err != nil {
			return err
		}
	}
}

func (s *bareServer) join(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = append(s.clients, raw)
	return wsutil.WriteServerText(conn, []byte(`40{"sid":"bare"}`))
}

func (s *bareServer) broadcast(payload []byte) error {
	frame, err := ws.CompileFrame(ws.NewTextFrame(payload))
	if err != nil {
		return err
	}
	var failed error
	write := func(fd uintptr) bool {
		if n, err := syscall.Write(int(fd), frame); err != nil || n < len(frame) {
			failed = errors.Join(io.ErrShortWrite, err)
		}
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		if err := c.Write(write); err != nil {
			return err
		}
	}
	return failed
}
