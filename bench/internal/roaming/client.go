// Package roaming has clients that come back to another server. They speak Socket.IO over WebSocket as far as that
// needs, and check that each event comes once and in order.
package roaming

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Client is one client. Its events have the name "m" and a number, from 0.
type Client struct {
	conn   net.Conn
	in     *bufio.Reader
	sid    string
	pid    string
	offset string
	next   int // the number of the next event

	// Recovered says whether the server has recovered the last connection.
	Recovered bool
}

// timeout limits each wait for a server.
const timeout = 2 * time.Minute

// connect is the server's answer to CONNECT.
type connect struct {
	SID string `json:"sid"`
	PID string `json:"pid"`
}

// Connect connects to a server and reads until it has joined the namespace and has received the events before number
// until. A client that was connected before asks to be recovered.
func (c *Client) Connect(address string, until int) error {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	var err error
	if c.conn, err = net.DialTimeout("tcp", address, timeout); err != nil {
		return err
	}
	if err := c.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if c.in == nil {
		c.in = bufio.NewReaderSize(c.conn, 4096)
	} else {
		c.in.Reset(c.conn)
	}
	if err := c.upgrade(address); err != nil {
		return err
	}
	old := connect{c.sid, c.pid}
	c.sid, c.Recovered = "", false
	if err := c.send("40" + c.auth()); err != nil {
		return err
	}
	for c.sid == "" {
		if err := c.packet(); err != nil {
			return err
		}
	}
	c.Recovered = old.PID != "" && old == connect{c.sid, c.pid}
	if old.PID != "" && !c.Recovered {
		return errors.New("the client was not recovered")
	}
	return c.Receive(until)
}

// Receive reads until the client has received the events before number until.
func (c *Client) Receive(until int) error {
	for c.next < until {
		if err := c.packet(); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the connection.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

func (c *Client) auth() string {
	if c.pid == "" {
		return ""
	}
	text, _ := json.Marshal(struct { // text can always be encoded
		PID    string `json:"pid"`
		Offset string `json:"offset,omitempty"`
	}{c.pid, c.offset})
	return string(text)
}

func (c *Client) upgrade(address string) error {
	// The key is the example of RFC 6455, section 1.3.
	if _, err := fmt.Fprintf(c.conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: "+
		"websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+
		"dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", address); err != nil {
		return err
	}
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("upgrade: %w", err)
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 101 ")) {
			return fmt.Errorf("the upgrade was refused: %q", line)
		}
		if len(line) == 2 {
			return nil
		}
	}
}

// send sends a text message. The mask is zero.
func (c *Client) send(text string) error {
	frame := append(make([]byte, 0, len(text)+8), 0x81)
	if len(text) < 126 {
		frame = append(frame, 0x80|byte(len(text)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(len(text)))
	}
	frame = append(append(frame, 0, 0, 0, 0), text...)
	_, err := c.conn.Write(frame)
	return err
}

// packet reads and handles a packet.
func (c *Client) packet() error {
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return err
	}
	if head[0] != 0x81 {
		return fmt.Errorf("an unexpected frame: % x", head[:2])
	}
	n := int(head[1])
	switch n {
	case 126:
		if _, err := io.ReadFull(c.in, head[:2]); err != nil {
			return err
		}
		n = int(binary.BigEndian.Uint16(head[:]))
	case 127:
		return errors.New("a frame of more than 64 KiB")
	}
	var p []byte
	if n <= c.in.Size() {
		peeked, err := c.in.Peek(n)
		if err != nil {
			return err
		}
		p = peeked
	} else {
		p = make([]byte, n)
		if _, err := io.ReadFull(c.in, p); err != nil {
			return err
		}
		n = 0
	}
	err := c.handle(p)
	_, _ = c.in.Discard(n) // it was peeked
	return err
}

func (c *Client) handle(p []byte) error {
	switch {
	case bytes.HasPrefix(p, []byte(`42["m",`)):
		return c.event(p[len(`42["m",`):])
	case bytes.HasPrefix(p, []byte("40{")):
		var answer connect
		if err := json.Unmarshal(p[2:], &answer); err != nil {
			return err
		}
		if answer.PID == "" {
			return errors.New("the server does not recover clients")
		}
		c.sid, c.pid = answer.SID, answer.PID
	case len(p) == 1 && p[0] == '2':
		return c.send("3")
	case len(p) > 0 && p[0] == '0':
	default:
		return fmt.Errorf("an unexpected packet: %.200q", p)
	}
	return nil
}

// event handles the arguments of an event: a number and the offset.
func (c *Client) event(args []byte) error {
	number, rest, found := bytes.Cut(args, []byte(`,"`))
	i, err := strconv.Atoi(string(number))
	if err != nil || !found || len(rest) < 2 {
		return fmt.Errorf("an unexpected event: %.200q", args)
	}
	if i != c.next {
		return fmt.Errorf("got event %d instead of %d", i, c.next)
	}
	c.next++
	c.offset = string(rest[:len(rest)-2]) // without "]
	return nil
}
