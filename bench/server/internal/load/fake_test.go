package load_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fake is a server with the parts of Socket.IO and of centrifuge's protocol that the load generator uses. It writes
// broadcasts together if their triggers arrived together.
type fake struct {
	// tamper returns what client i receives instead of frame.
	tamper func(i int, frame string) string

	mu      sync.Mutex // guards the fields below
	clients []io.Writer
}

// start returns the server's address.
func (f *fake) start(t testing.TB) string {
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("transport") == "polling" {
		switch {
		case r.URL.Query().Get("sid") == "":
			_, _ = io.WriteString(w, `0{"sid":"abc","upgrades":[]}`)
		case r.Method == "POST":
			_, _ = io.WriteString(w, "ok")
		default:
			_, _ = io.WriteString(w, `40{"sid":"def"}`)
		}
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: "+
		"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	if r.URL.Path == "/socket.io/" {
		_, _ = io.WriteString(conn, frame(`0{"sid":"abc"}`)+frame("2"))
	}
	var all string // frames for all clients
	for {
		p, err := receive(buffered.Reader)
		if err != nil {
			return
		}
		switch {
		case p == "40":
			f.join(conn, frame(`40{"sid":"def"}`))
		case p == `{"id":1,"connect":{}}`:
			f.join(conn, frame(`{"id":1,"connect":{"client":"abc"}}`+"\n{}"))
		case strings.HasPrefix(p, `{"send":{"data":`):
			push := `{"push":{"channel":"m","pub":{"data":` + p[len(`{"send":{"data":`):] + "}"
			if buffered.Reader.Buffered() > 0 { // answer all buffered frames with one write
				all += push + "\n"
			} else {
				f.broadcast(frame(all + push))
				all = ""
			}
			continue
		case strings.HasPrefix(p, `42["go",`):
			all += frame(`42["m",` + p[len(`42["go",`):])
		case strings.HasPrefix(p, "42"):
			id, arg, _ := strings.Cut(p[2:], `["q",`)
			_, _ = io.WriteString(conn, f.change(0, frame("43"+id+"["+arg)))
		}
		if all != "" && buffered.Reader.Buffered() == 0 {
			f.broadcast(all)
			all = ""
		}
	}
}

func (f *fake) join(conn io.Writer, hello string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clients = append(f.clients, conn)
	_, _ = io.WriteString(conn, hello)
}

func (f *fake) broadcast(frames string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, c := range f.clients {
		_, _ = io.WriteString(c, f.change(i, frames))
	}
}

func (f *fake) change(i int, frames string) string {
	if f.tamper == nil {
		return frames
	}
	return f.tamper(i, frames)
}

func frame(payload string) string {
	n := len(payload)
	if n < 126 {
		return "\x81" + string([]byte{byte(n)}) + payload
	}
	return "\x81\x7e" + string([]byte{byte(n >> 8), byte(n)}) + payload
}

// receive reads a frame of a client.
func receive(r *bufio.Reader) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	n := int(head[1] & 0x7f)
	if n == 126 {
		var length [2]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return "", err
		}
		n = int(binary.BigEndian.Uint16(length[:]))
	}
	p := make([]byte, 4+n)
	if _, err := io.ReadFull(r, p); err != nil {
		return "", err
	}
	for i := range n {
		p[4+i] ^= p[i&3]
	}
	return string(p[4:]), nil
}
