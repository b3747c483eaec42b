package socketio_test

import (
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

// logsTo makes a logbook the log of a server.
func logsTo(log *logbook) func(*socketio.Config) {
	return func(c *socketio.Config) {
		c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// await waits for a line that contains all parts.
func (l *logbook) await(t *testing.T, parts ...string) {
	t.Helper()
	eventually(t, strings.Join(parts, " "), func() bool {
		for _, line := range l.about(parts[0]) {
			missing := 0
			for _, part := range parts {
				if !strings.Contains(line, part) {
					missing++
				}
			}
			if missing == 0 {
				return true
			}
		}
		return false
	})
}

func TestLogSaysWhatClientsDo(t *testing.T) {
	log := &logbook{}
	n := serve(t, logsTo(log), func(c *socketio.Config) {
		c.Admit = func(r *http.Request) error {
			if r.Header.Get("X-Banned") != "" {
				return errors.New("banned")
			}
			return nil
		}
	})
	n.Of("/closed").Use(func(*socketio.Socket) error { return errors.New("members only") })
	joined := connected(n.Namespace)
	p := connect(t, n)
	sid := "sid=" + joined.next(t).ID()
	log.await(t, `"socketio: client connected"`, "level=DEBUG", "address=127.0.0.1 ", "nsp=/ ", sid)
	p.send("0/closed,")
	log.await(t, `"socketio: client refused"`, "level=DEBUG", "address=127.0.0.1 ", "nsp=/closed ",
		`reason="members only"`)
	p.send("1")
	log.await(t, `"socketio: client disconnected"`, "level=DEBUG", sid, `reason="client namespace disconnect"`)
	require.NoError(t, p.conn.Close())
	log.await(t, `"socketio: connection ended"`, "level=DEBUG", "address=127.0.0.1 ", `reason="transport close"`)

	r, err := http.NewRequestWithContext(t.Context(), "GET", n.url+"/socket.io/?EIO=4&transport=polling", nil)
	require.NoError(t, err)
	r.Header.Set("X-Banned", "yes")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	log.await(t, `"engineio: request refused"`, "level=DEBUG", "status=403", "code=4", "error=banned")

	require.NoError(t, n.Close(t.Context()))
	require.NoError(t, n.Close(t.Context()))
	require.Len(t, log.about(`"socketio: server closed"`), 1)
}

func TestLogSaysWhichQuotasAreReached(t *testing.T) {
	log := &logbook{}
	n := serve(t, logsTo(log), func(c *socketio.Config) { c.MaxRooms = 2 })
	refused := newEvents[error]()
	n.OnConnection(func(s *socketio.Socket) {
		for range 100 {
			refused.add(s.Join("a", "b", "c"))
		}
	})
	connect(t, n)
	for range 100 {
		require.Error(t, refused.next(t))
	}
	require.NoError(t, n.Close(t.Context()))
	lines := log.about(`"socketio: quota reached"`)
	require.Contains(t, lines[0], "level=WARN")
	require.Contains(t, lines[0], `quota="too many rooms" limit=2`)
	require.Less(t, len(lines), 100, "the rate is limited")
	require.Equal(t, 100, occurrences(lines))
}

var suppressed = regexp.MustCompile(`suppressed=(\d+)`)

// occurrences returns how many occurrences of an event its lines stand for.
func occurrences(lines []string) int {
	n := len(lines)
	for _, line := range lines {
		if m := suppressed.FindStringSubmatch(line); m != nil {
			more := 0
			for _, digit := range m[1] {
				more = 10*more + int(digit-'0')
			}
			n += more
		}
	}
	return n
}

func TestLogSaysWhichHandlersAreSlow(t *testing.T) {
	for name, c := range map[string]struct {
		limit time.Duration
		logs  bool
	}{
		"Slow":        {time.Millisecond, true},
		"FastEnough":  {time.Hour, false},
		"NotMeasured": {-1, false},
	} {
		t.Run(name, func(t *testing.T) {
			log := &logbook{}
			n := serve(t, logsTo(log), func(config *socketio.Config) { config.SlowHandler = c.limit })
			n.OnConnection(func(s *socketio.Socket) {
				s.On("wait", func(ack func()) {
					for began := time.Now(); time.Since(began) < 2*time.Millisecond; {
						time.Sleep(time.Millisecond)
					}
					ack()
				})
				s.On("next", func(ack func()) { ack() })
			})
			p := connect(t, n)
			p.send(`21["wait"]`)
			p.send(`22["next"]`)
			p.expect("31[]", "32[]") // the first handler has returned
			if c.logs {
				log.await(t, `"socketio: slow handler"`, "level=WARN", "nsp=/ ", "event=wait ", "took=")
				return
			}
			require.NoError(t, n.Close(t.Context()))
			require.Empty(t, log.about("slow handler"))
		})
	}
}

func TestLogTellsFailuresFromPanics(t *testing.T) {
	log := &logbook{}
	n := serve(t, logsTo(log))
	n.OnConnection(func(s *socketio.Socket) {
		s.On("fails", func() error { return errors.New("no luck") })
		s.On("panics", func() { panic("on purpose") })
		s.On("number", func(int) {})
	})
	p := connect(t, n)
	p.send(`2["fails"]`)
	p.send(`2["panics"]`)
	p.send(`2["number","x"]`)
	log.await(t, `"socketio: handler failed"`, "level=WARN", "event=fails ", "no luck")
	log.await(t, `"socketio: handler panicked"`, "level=ERROR", "event=panics ", "on purpose", "journal_test.go")
	log.await(t, `"socketio: arguments do not fit the handler"`, "level=WARN", "event=number ")
}
