package socketio_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// logbook stores the lines of a log.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

// about returns the lines that contain text.
func (l *logbook) about(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

// Log lines and error texts stay short, no matter how much a client sends.
func TestClientsDoNotFillTheLog(t *testing.T) {
	const long, most = 100_000, 4 << 10
	letters, digits := strings.Repeat("n", long), strings.Repeat("7", long)
	log, reported, audited := &logbook{}, newEvents[error](), newEvents[socketio.AuditEvent]()
	n := serve(t, func(c *socketio.Config) {
		c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.ErrorHandler, c.Audit = reported.add, audited.add
	})
	n.OfPattern(regexp.MustCompile("^/nn")).Use(func(*socketio.Socket) error { return errors.New("nobody") })
	n.OnConnection(func(s *socketio.Socket) {
		s.On("sync", func(ack func()) { ack() })
		s.On("int", func(int) {})
		s.On("int8s", func([]int8) {})
		s.On("struct", func(struct{ A map[string]int }) {})
		s.On("fails", func(text string) error { return errors.New(text) })
		s.On("panics", func(text string) { panic(text) })
		s.Use(func(args backplane.Args) error {
			if strings.HasPrefix(args.Event(), "nn") {
				return errors.New("no such event")
			}
			return nil
		})
	})
	for name, packet := range map[string]string{
		"ANumber":            `2["int",` + digits + `]`,
		"ANegativeNumber":    `21["int",-` + digits + `]`,
		"AFraction":          `2["int",0.` + digits + `]`,
		"AnArrayOfNumbers":   `2["int8s",[` + digits + `]]`,
		"AnObjectsKey":       `2["struct",{"A":{"` + letters + `":"x"}}]`,
		"AStringForANumber":  `2["int","` + letters + `"]`,
		"AnErrorOfAHandler":  `2["fails","` + letters + `"]`,
		"APanic":             `2["panics","` + letters + `"]`,
		"AnEvent":            `2["` + letters + `",1]`,
		"MalformedJSON":      `2["x",` + letters + `]`,
		"ANamespace":         `2/` + letters + `,["x"]`,
		"AnUnknownNamespace": `0/x` + letters + `,`,
		"ARefusedNamespace":  `0/` + letters + `,`,
		"AnAcknowledgement":  `2` + digits + `["x"]`,
		"Attachments":        `5` + digits + `-["x"]`,
	} {
		t.Run(name, func(t *testing.T) {
			p := connect(t, n)
			p.send("%s", packet)
			p.send(`299["sync"]`)
			for got := ""; got != "399[]" && got != "closed"; { // the event was handled, or the connection has ended
				got = p.next()
			}
			require.NoError(t, p.conn.Close())
			for e := audited.next(t); e.Kind != socketio.AuditDisconnect || e.Namespace != ""; e = audited.next(t) {
				require.Less(t, len(e.Namespace)+len(e.Reason), most)
				if e.Err != nil {
					require.Less(t, len(e.Err.Error()), most)
				}
			}
		})
	}
	for _, head := range []string{
		"GET /socket.io/?EIO=4&transport=" + letters[:10_000] + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /socket.io/?transport=polling&EIO=" + letters[:10_000] + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: http://" +
			letters[:10_000] + "\r\n\r\n",
	} {
		nc, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
		require.NoError(t, err)
		require.NoError(t, nc.SetDeadline(time.Now().Add(patience)))
		_, err = io.WriteString(nc, head)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, nc)
		require.NoError(t, err)
		require.NoError(t, nc.Close())
	}
	require.NoError(t, n.Shutdown(t.Context()))

	all := log.about("")
	require.NotEmpty(t, log.about("argument 1"), "%d lines", len(all))
	require.NotEmpty(t, log.about("panic"))
	require.NotEmpty(t, log.about("protocol violation"))
	require.Len(t, log.about("request refused"), 3)
	for _, line := range all {
		limit := most
		if strings.Contains(line, "panic: nnn") {
			limit = 32 << 10 // with a stack trace
		}
		assert.Less(t, len(line), limit, "%.300s…", line)
	}
	for len(reported.c) > 0 {
		err := reported.next(t)
		var panicked *socketio.PanicError
		if !errors.As(err, &panicked) {
			assert.Less(t, len(err.Error()), most, "%.300s…", err)
		}
	}
}
