// Package ttlstore is a complete store whose bodies have a time to live, in one file. It keeps them in a server with
// the protocol of Redis (RESP), using SET with PX, so the server removes them by itself. Expire has nothing to do.
//
// # Delivery
//
// A body is gone when the TTL has passed since its Put, or earlier if the server restarts or runs out of memory: set
// its maxmemory-policy to noeviction. TTL has to be at least the cluster's AttachmentAge. The server's limit for a
// body, proto-max-bulk-len, is 512 MiB by default.
package ttlstore

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var _ storage.Store = Store{}

// Store is a storage.Store. Stores with the same Addr share their bodies.
type Store struct {
	// Addr is the address of the server, such as "127.0.0.1:6379".
	Addr string
	// TTL is how long a body lives, at least a millisecond. The default is an hour.
	TTL time.Duration
}

// Put keeps body until the TTL has passed. The id is random: a counter at the server would restart after a loss
// of data and issue ids twice.
func (s Store) Put(ctx context.Context, body []byte) (string, error) {
	id, ttl := rand.Text(), s.TTL
	if ttl <= 0 {
		ttl = time.Hour
	}
	_, err := s.send(ctx, "SET", key(id), string(body), "PX", strconv.FormatInt(ttl.Milliseconds(), 10))
	if err != nil {
		return "", err
	}
	return id, nil
}

// Get returns the body of id. It does not extend its time to live.
func (s Store) Get(ctx context.Context, id string) ([]byte, error) {
	return s.send(ctx, "GET", key(id))
}

// Expire does nothing: the server removes bodies by itself.
func (s Store) Expire(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// key separates bodies from other keys in the server. The protocol counts bytes, so an id may contain any byte.
func key(id string) string { return "backplane:body:" + id }

// send sends one command and returns its answer, or ErrNotFound if the answer is nil. It opens a connection
// each time, which is simple and leaves nothing behind when it is interrupted. A fast store would keep
// connections whose answer was complete.
func (s Store) send(ctx context.Context, command ...string) ([]byte, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, orEnded(ctx, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	w := bufio.NewWriter(conn)
	fmt.Fprintf(w, "*%d\r\n", len(command))
	for _, arg := range command {
		fmt.Fprintf(w, "$%d\r\n", len(arg))
		w.WriteString(arg)
		w.WriteString("\r\n")
	}
	if err := w.Flush(); err != nil {
		return nil, orEnded(ctx, err)
	}
	answer, err := read(bufio.NewReader(conn))
	return answer, orEnded(ctx, err)
}

// orEnded returns ctx's error instead of the error that closing the connection caused. A connection may notice a
// deadline before ctx does.
func orEnded(ctx context.Context, err error) error {
	if deadline, ok := ctx.Deadline(); err != nil && ctx.Err() == nil && ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// read reads one answer.
func read(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, errors.New("ttlstore: an empty answer")
	}
	switch line[0] {
	case '-':
		return nil, errors.New("ttlstore: " + line[1:])
	case '+':
		return nil, nil
	case '$':
		n, err := strconv.Atoi(line[1:])
		if err != nil {
			return nil, err
		}
		if n < 0 {
			return nil, storage.ErrNotFound
		}
		body := make([]byte, n)
		_, err = io.ReadFull(r, body)
		return body, err
	}
	return nil, fmt.Errorf("ttlstore: the answer %q", line)
}
