package redistest

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/backplane-go/backplane/internal/resp"
)

// Do sends a command to the server at an address, over a connection of its own, and returns the reply.
func Do(ctx context.Context, address string, args ...string) (resp.Value, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return resp.Value{}, err
	}
	defer conn.Close()
	end, bounded := ctx.Deadline()
	if !bounded {
		end = time.Now().Add(patience)
	}
	if err := conn.SetDeadline(end); err != nil {
		return resp.Value{}, err
	}
	if _, err := conn.Write(resp.AppendCommand(nil, args...)); err != nil {
		return resp.Value{}, err
	}
	return resp.Read(bufio.NewReader(conn))
}

// Do sends a command to the server and fails the test if the reply is an error.
func (s *Server) Do(tb testing.TB, args ...string) resp.Value {
	tb.Helper()
	v, err := Do(context.Background(), s.Address(), args...)
	if err == nil {
		err = v.Err()
	}
	if err != nil {
		tb.Fatalf("redistest: %s: %v", strings.Join(args, " "), err)
	}
	return v
}

// Info returns a field of a section of INFO, such as "role" of "replication".
func (s *Server) Info(tb testing.TB, section, field string) string {
	tb.Helper()
	return line(s.Do(tb, "INFO", section).Text(), field)
}

// line returns the value of a line "field:value".
func line(text, field string) string {
	for l := range strings.Lines(text) {
		if value, found := strings.CutPrefix(l, field+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// KillSubscribers closes the connections of all clients that have subscribed to something, and returns how many there
// were.
func (s *Server) KillSubscribers(tb testing.TB) string {
	tb.Helper()
	return s.Do(tb, "CLIENT", "KILL", "TYPE", "pubsub").Text()
}

// Subscribers lists the connections of clients that have subscribed to something.
func (s *Server) Subscribers(tb testing.TB) []string {
	tb.Helper()
	text := strings.TrimSpace(s.Do(tb, "CLIENT", "LIST", "TYPE", "pubsub").Text())
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
