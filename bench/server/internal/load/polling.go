package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// pollingHandshake requests a session. A client sends its requests one after the other on one connection.
func (c *conn) pollingHandshake() error {
	return c.request("GET", "/socket.io/?EIO=4&transport=polling", "")
}

func (c *conn) request(method, url, body string) error {
	b := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\nConnection: keep-alive\r\n", method, url,
		c.addr)
	if body != "" {
		b = fmt.Appendf(b, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n", len(body))
	}
	return c.write(append(append(b, "\r\n"...), body...))
}

// poll handles the responses while a client connects over polling: OPEN, "ok" for the request with CONNECT, and the
// server's CONNECT.
func (l *loop) poll(c *conn, b []byte) (rest []byte, err error) {
	body, rest, err := response(b)
	if err != nil || body == nil {
		return b, err
	}
	session := func() string { return "/socket.io/?EIO=4&transport=polling&sid=" + c.sid }
	switch {
	case c.state == responding && bytes.HasPrefix(body, []byte(`0{"sid":"`)):
		sid := body[len(`0{"sid":"`):]
		end := bytes.IndexByte(sid, '"')
		if end < 0 {
			return nil, fmt.Errorf("unexpected response %.200q", body)
		}
		c.sid, c.state = string(sid[:end]), joining
		return rest, c.request("POST", session(), "40")
	case c.state == joining && string(body) == "ok":
		c.state = polling
		return rest, c.request("GET", session(), "")
	case c.state == polling && bytes.HasPrefix(body, []byte(`40{"sid":"`)):
		l.joined(c)
		return rest, nil
	}
	return nil, fmt.Errorf("unexpected response %.200q", body)
}

// response returns the body of the first response in b, nil if it is incomplete.
func response(b []byte) (body, rest []byte, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, b, nil
	}
	if !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) {
		return nil, b, fmt.Errorf("refused: %.300q", b)
	}
	const name = "\r\ncontent-length: "
	head := bytes.ToLower(b[:end+2])
	at := bytes.Index(head, []byte(name))
	if at < 0 {
		return nil, b, fmt.Errorf("no length: %.300q", b)
	}
	number, _, _ := bytes.Cut(head[at+len(name):], []byte("\r\n"))
	n, err := strconv.Atoi(string(number))
	if err != nil || n <= 0 {
		return nil, b, fmt.Errorf("bad length: %.300q", b)
	}
	if len(b) < end+4+n {
		return nil, b, nil
	}
	return b[end+4 : end+4+n], b[end+4+n:], nil
}
