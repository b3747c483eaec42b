package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/backplane-go/backplane/transport/broker"
)

var space = []byte(" ")

// maxMessage is the size in bytes of the largest payload that is read: more than any server's max_payload.
const maxMessage = 64 << 20

var _ broker.Ender = (*Link)(nil)

// Link is a connection to a server. Run reads from it. It is the net.Conn of a broker.Conn.
type Link struct {
	net.Conn
	raw       net.Conn // below TLS
	in        *bufio.Reader
	at        address
	servers   *Servers
	witnesses *witnesses // nil for a witness
	asker     *asker     // nil unless Asking was called

	writing sync.Mutex // held while a PING is written, so that pings has the order of the connection

	mu       sync.Mutex // guards all below
	info     info
	infos    int     // that came so far
	pings    []*ping // without an answer
	last     error   // the last -ERR
	err      error   // why Run has returned
	ended    context.Context
	markDone context.CancelFunc
}

// ping is a PING that was sent.
type ping struct {
	errs []error // each -ERR that came before the PONG
	pong func()  // called with the lock of the link
}

func newLink(conn, raw net.Conn, in *bufio.Reader, at address, servers *Servers, i info) *Link {
	l := &Link{Conn: conn, raw: raw, in: in, at: at, servers: servers, info: i, infos: 1}
	l.ended, l.markDone = context.WithCancel(context.Background())
	servers.discovered(i.ConnectURLs, at)
	return l
}

// NetConn returns the connection below TLS, as (*tls.Conn).NetConn does.
func (l *Link) NetConn() net.Conn { return l.raw }

// Close closes the connection, and those of the witnesses.
func (l *Link) Close() error {
	if l.witnesses != nil {
		l.witnesses.close()
	}
	return l.Conn.Close()
}

// Err returns why the connection should not be used any more, or nil.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && l.info.LameDuck {
		return ErrLameDuck
	}
	return l.err
}

// Ended implements broker.Ender.
func (l *Link) Ended() bool { return l.Err() != nil }

// Message is what a server sends for a subscription. Its slices belong to whoever gets it.
type Message struct {
	ID      int    // of the subscription
	Subject string // only of answers
	Header  []byte // with the line NATS/1.0, and an empty line at the end; nil if there is none
	Payload []byte
}

// Run reads until the connection breaks, and returns why. message gets each message. problem gets each -ERR, and
// ErrLameDuck; if it returns an error, Run ends with that. It may be nil.
func (l *Link) Run(message func(m Message), problem func(error) error) error {
	err := l.read(message, problem)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil && !errors.Is(err, l.last) {
		err = fmt.Errorf("%w: %w", err, l.last)
	}
	l.err = err
	l.markDone()
	return err
}

func (l *Link) read(message func(m Message), problem func(error) error) error {
	for {
		line, err := readLine(l.in)
		if err != nil {
			return disconnected(err)
		}
		word, rest, _ := bytes.Cut(line, space)
		switch string(word) {
		case "MSG", "HMSG":
			m, err := l.readMessage(rest, len(word) == len("HMSG"))
			if err != nil {
				return err
			}
			message(m)
		default:
			if err := l.handle(word, rest, problem); err != nil {
				return err
			}
		}
	}
}

// readMessage reads the rest of "MSG <subject> <id> [reply-to] <size>", and the payload. An HMSG has the size of the
// header before that of both.
func (l *Link) readMessage(rest []byte, headed bool) (m Message, err error) {
	words := bytes.Fields(rest)
	header := 0
	if headed && len(words) >= 4 {
		header, err = strconv.Atoi(string(words[len(words)-2]))
	}
	if len(words) < 3 || err != nil {
		return m, malformed(rest)
	}
	m.ID, err = strconv.Atoi(string(words[1]))
	size, sizeErr := strconv.Atoi(string(words[len(words)-1]))
	if err != nil || sizeErr != nil || header < 0 || size < header || size > maxMessage {
		return m, malformed(rest)
	}
	if m.ID == answers {
		m.Subject = string(words[0])
	}
	all := make([]byte, size)
	if _, err := io.ReadFull(l.in, all); err != nil {
		return m, disconnected(err)
	}
	if _, err := l.in.Discard(2); err != nil {
		return m, disconnected(err)
	}
	if headed {
		m.Header = all[:header:header]
	}
	m.Payload = all[header:]
	return m, nil
}

func malformed(line []byte) error { return fmt.Errorf("natsdriver: malformed line %.80q", line) }

// handle handles a line that is not a message.
func (l *Link) handle(word, rest []byte, problem func(error) error) error {
	switch string(word) {
	case "PING":
		if _, err := io.WriteString(l.Conn, "PONG\r\n"); err != nil {
			return disconnected(err)
		}
	case "PONG":
		l.answered()
	case "-ERR":
		err := refused(string(rest))
		l.refuse(err)
		if problem != nil {
			return problem(err)
		}
	case "INFO":
		i, err := parseInfo(append([]byte("INFO "), rest...))
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.info = i
		l.infos++
		l.mu.Unlock()
		l.servers.discovered(i.ConnectURLs, l.at)
		if i.LameDuck && problem != nil {
			return problem(ErrLameDuck)
		}
	case "+OK":
	default:
		return malformed(append(append(bytes.Clone(word), ' '), rest...))
	}
	return nil
}

// answered handles a PONG.
func (l *Link) answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pings) > 0 {
		l.pings[0].pong()
		l.pings = l.pings[1:]
	}
}

// refuse keeps an -ERR for the request that it answers.
func (l *Link) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pings) > 0 {
		l.pings[0].errs = append(l.pings[0].errs, err)
	}
	if !errors.Is(err, ErrDenied) { // the server closes the connection after most of the others
		l.last = err
	}
}

// serverID returns the id that the server has chosen when it was started.
func (l *Link) serverID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.info.ID
}
