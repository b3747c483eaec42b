package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/backplane-go/backplane/transport/broker"
)

// info is what a server says about itself in an INFO.
type info struct {
	ID           string   `json:"server_id"`
	MaxPayload   int      `json:"max_payload"`
	TLSRequired  bool     `json:"tls_required"`
	TLSAvailable bool     `json:"tls_available"`
	Nonce        string   `json:"nonce"`
	ConnectURLs  []string `json:"connect_urls"`
	LameDuck     bool     `json:"ldm"`
	Version      string   `json:"version"`
	Cluster      string   `json:"cluster"`
}

// Dialer connects to any of the servers. The Conn of its connections is a *Link, whose Run has to be called.
func (s *Servers) Dialer() broker.Dialer {
	return broker.Dialer{Dial: func(ctx context.Context) (net.Conn, error) {
		l, err := s.dial(ctx)
		if err != nil {
			return nil, err
		}
		return l, nil
	}}
}

// dial connects to the first server that can be reached.
func (s *Servers) dial(ctx context.Context) (*Link, error) {
	if s.err != nil {
		return nil, s.err
	}
	var failed []error
	for _, a := range s.all() {
		l, err := s.dialAt(ctx, a)
		if err == nil {
			s.prefer(a.host)
			l.witnesses = newWitnesses(s, l)
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failed = append(failed, fmt.Errorf("natsdriver: %s: %w", a.host, err))
	}
	return nil, errors.Join(failed...)
}

// dialAt connects to one server, and introduces the client.
func (s *Servers) dialAt(ctx context.Context, a address) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	raw, err := s.connectTo(ctx, a)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	l, err := s.greet(raw, a)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return nil, err
	}
	return l, nil
}

func (s *Servers) connectTo(ctx context.Context, a address) (net.Conn, error) {
	switch o := s.options; {
	case o.InProcessServer != nil:
		return o.InProcessServer.InProcessConn()
	case o.CustomDialer != nil:
		return o.CustomDialer.Dial("tcp", a.host)
	case o.Dialer != nil:
		return o.Dialer.DialContext(ctx, "tcp", a.host)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", a.host)
}

// maxLine is the size in bytes of the longest line that is read. The INFO of a large cluster is long.
const maxLine = 1 << 20

// greet reads the server's INFO, starts TLS and sends CONNECT.
func (s *Servers) greet(raw net.Conn, a address) (*Link, error) {
	conn, secure := raw, false
	secured := func() error {
		config, err := s.tlsConfig(a)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrOptions, err)
		}
		client := tls.Client(raw, config)
		conn, secure = client, true
		return client.Handshake()
	}
	if s.options.TLSHandshakeFirst {
		if err := secured(); err != nil {
			return nil, err
		}
	}
	in := bufio.NewReaderSize(conn, 32<<10)
	line, err := readLine(in)
	if err != nil {
		return nil, disconnected(err)
	}
	i, err := parseInfo(line)
	if err != nil {
		return nil, err
	}
	wanted := s.options.Secure || a.secure
	if wanted && !secure && !i.TLSRequired && !i.TLSAvailable {
		return nil, ErrTLS
	}
	if !secure && (wanted || i.TLSRequired) {
		if err := secured(); err != nil {
			return nil, err
		}
		in = bufio.NewReaderSize(conn, 32<<10)
	}
	if i.MaxPayload > 0 && i.MaxPayload < s.MaxPayload {
		return nil, fmt.Errorf("%w: %d bytes, not %d", ErrMaxPayload, i.MaxPayload, s.MaxPayload)
	}
	b, err := s.connect(a, i, secure)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(b); err != nil {
		return nil, disconnected(err)
	}
	l := newLink(conn, raw, in, a, s, i)
	return l, l.welcome()
}

// welcome waits for the answer to the first PING.
func (l *Link) welcome() error {
	for {
		line, err := readLine(l.in)
		if err != nil {
			return disconnected(err)
		}
		switch word, rest, _ := bytes.Cut(line, space); string(word) {
		case "PONG":
			return nil
		case "-ERR":
			return refused(string(rest))
		default:
			if err := l.handle(word, rest, nil); err != nil {
				return err
			}
		}
	}
}

func parseInfo(line []byte) (i info, err error) {
	word, rest, _ := bytes.Cut(line, space)
	if string(word) != "INFO" {
		return i, fmt.Errorf("natsdriver: this is not a NATS server: it begins with %.40q", line)
	}
	if err := json.Unmarshal(rest, &i); err != nil {
		return i, fmt.Errorf("natsdriver: the server's INFO is malformed: %w", err)
	}
	return i, nil
}

// readLine returns the next line without its end. It is valid until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) <= maxLine {
			line, err = in.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
