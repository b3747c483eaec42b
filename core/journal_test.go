package core_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// entry is a record of a log in JSON.
type entry map[string]any

// logbook keeps the records of a cluster's log.
type logbook struct{ log[entry] }

// Write implements io.Writer. A slog.JSONHandler calls it once for each record.
func (l *logbook) Write(p []byte) (int, error) {
	var e entry
	decoder := json.NewDecoder(bytes.NewReader(p))
	decoder.UseNumber()
	if err := decoder.Decode(&e); err != nil {
		return 0, err
	}
	l.add(e)
	return len(p), nil
}

// to makes the logbook the log of a cluster.
func (l *logbook) to(c *core.Config) {
	c.Logger = slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// about returns the records with a message.
func (l *logbook) about(message string) (found []entry) {
	for _, e := range l.all() {
		if e["msg"] == message {
			found = append(found, e)
		}
	}
	return found
}

// await waits for n records with a message, and returns them.
func (l *logbook) await(t testing.TB, n int, message string) []entry {
	t.Helper()
	require.Eventually(t, func() bool { return len(l.about(message)) >= n }, 2*time.Minute, time.Millisecond,
		"%d records %q; the log: %v", n, message, l)
	return l.about(message)
}

// String returns the messages.
func (l *logbook) String() string {
	var b strings.Builder
	for _, e := range l.all() {
		line, _ := json.Marshal(e) // it was JSON before
		b.WriteString("\n" + string(line))
	}
	return b.String()
}

// has checks attributes of a record.
func (e entry) has(t testing.TB, level string, attrs entry) {
	t.Helper()
	require.Equal(t, level, e["level"], "%v", e)
	for key, want := range attrs {
		require.Equal(t, want, e[key], "%s of %v", key, e)
	}
}

func TestLogSaysWhoIsThere(t *testing.T) {
	hub := memory.NewHub()
	var log logbook
	cluster := open(t, hub, log.to, func(c *core.Config) { c.UID = "here" })
	log.await(t, 1, "backplane: cluster started")[0].has(t, "INFO",
		entry{"dialect": "standard", "prefix": "socket.io", "log": false})
	join(t, cluster, "/chat", nil)
	log.await(t, 1, "backplane: namespace opened")[0].has(t, "DEBUG", entry{"nsp": "/chat", "uid": "here"})

	there := join(t, open(t, hub, func(c *core.Config) { c.UID = "there" }), "/chat", nil)
	log.await(t, 1, "backplane: peer joined")[0].has(t, "INFO", entry{"nsp": "/chat", "uid": "there"})
	require.NoError(t, there.Close(t.Context()))
	log.await(t, 1, "backplane: peer left")[0].has(t, "INFO", entry{"nsp": "/chat", "uid": "there"})

	shut(t, cluster)
	require.Len(t, log.about("backplane: namespace closed"), 1)
	require.Len(t, log.about("backplane: cluster closed"), 1)
	require.Empty(t, log.about("backplane: peer expired"))
}

func TestLogSaysWhichPeersAreSilent(t *testing.T) {
	hub := memory.NewHub()
	var log logbook
	cluster := open(t, hub, log.to, func(c *core.Config) {
		c.HeartbeatInterval, c.HeartbeatTimeout = 20*time.Millisecond, 100*time.Millisecond
	})
	join(t, cluster, "/", nil)
	p := newPuppet(t, hub, "/", "silent")
	p.live() // it answers nothing
	p.say(codec.Envelope{Type: codec.Heartbeat})
	log.await(t, 1, "backplane: peer expired")[0].has(t, "INFO", entry{"nsp": "/", "uid": "silent"})
	silent := log.about("backplane: peer silent")
	require.NotEmpty(t, silent)
	silent[0].has(t, "INFO", entry{"nsp": "/", "uid": "silent"})
}

// Whoever can publish may send a leave message in the name of a node.
func TestLogSaysWhichPeersAreSuspect(t *testing.T) {
	hub := memory.NewHub()
	var log logbook
	here := join(t, open(t, hub, log.to), "/", nil)
	there := join(t, open(t, hub), "/", nil)
	require.NoError(t, here.WaitForPeers(t.Context(), 1))
	require.NoError(t, there.WaitForPeers(t.Context(), 1))
	_, err := there.FetchSockets(t.Context()) // its answer verifies here
	require.NoError(t, err)
	_, err = here.FetchSockets(t.Context())
	require.NoError(t, err)
	newPuppet(t, hub, "/", "liar").say(codec.Envelope{Type: codec.AdapterClose, UID: there.UID()})
	log.await(t, 1, "backplane: peer suspect")[0].has(t, "WARN", entry{"nsp": "/", "uid": there.UID()})
	require.Contains(t, here.Peers(), there.UID())
}

func TestLogSaysForHowLongTheNodeWasDeaf(t *testing.T) {
	b := &bus{Bus: memory.NewHub()}
	var log logbook
	cluster := open(t, b, log.to)
	join(t, cluster, "/", nil)
	b.refuse()
	b.sever(errBroken)
	log.await(t, 1, "backplane: session lost")[0].has(t, "WARN", entry{"error": errBroken.Error()})
	log.await(t, 1, "backplane: operation failed")[0].has(t, "WARN",
		entry{"op": "open session", "error": errBroken.Error()})
	b.heal()
	recovered := log.await(t, 1, "backplane: session recovered, messages may be missing")[0]
	recovered.has(t, "WARN", entry{"error": errBroken.Error(), "replayed": json.Number("0")})
	deaf, err := recovered["deaf"].(json.Number).Int64()
	require.NoError(t, err)
	require.Positive(t, deaf)
	require.Contains(t, recovered, "since")
}

func TestLogSaysThatTheGapWasFilled(t *testing.T) {
	hub := memory.NewHub()
	var log logbook
	a, b := newLogNode(t, hub), newLogNode(t, hub, log.to)
	b.bus.faults.refuse()
	b.bus.faults.sever(errBroken)
	b.lost.wait(t, 1)
	emitAll(t, a.Namespace, "missed ", 0, 3)
	b.bus.faults.heal()
	log.await(t, 1, "backplane: session recovered, the log has filled the gap")[0].has(t, "INFO",
		entry{"replayed": json.Number("3")})
	log.await(t, 1, "backplane: messages replayed")[0].has(t, "INFO",
		entry{"nsp": "/", "messages": json.Number("3"), "missing": false})
	require.Empty(t, log.about("backplane: session recovered, messages may be missing"))
}

// A flood of messages that are dropped makes few records, which count them all. Trace.Dropped is called for each, and
// ErrorHandler as often as without a log.
func TestDropsAreCountedInFewRecords(t *testing.T) {
	const flood = 5000
	hub := memory.NewHub()
	var out logbook
	var traced, reported log[error]
	cluster := open(t, hub, out.to, func(c *core.Config) {
		c.Trace.Dropped = func(e *core.DropError) { traced.add(e) }
		c.ErrorHandler = func(err error) {
			var e *core.DropError
			if errors.As(err, &e) {
				reported.add(e)
			}
		}
	})
	join(t, cluster, "/", nil)
	began := time.Now()
	for range flood {
		require.NoError(t, hub.Publish(t.Context(), transport.Message{Channel: "socket.io#/", Payload: []byte("{")}))
	}
	traced.wait(t, flood)
	shut(t, cluster)
	seconds := int(time.Since(began)/time.Second) + 1
	records := out.about("backplane: message dropped")
	require.LessOrEqual(t, len(records), seconds+2)
	total := int64(0)
	for _, e := range records {
		e.has(t, "WARN", entry{"reason": "malformed", "nsp": "/", "type": "", "uid": ""})
		require.NotEmpty(t, e["error"])
		total++
		if n, ok := e["suppressed"].(json.Number); ok {
			suppressed, err := n.Int64()
			require.NoError(t, err)
			total += suppressed
		}
	}
	require.EqualValues(t, flood, total)
	require.EqualValues(t, flood, cluster.Stats().ReceiveDropped)
	require.GreaterOrEqual(t, len(reported.all()), 100, "as SECURITY.md says")
	require.LessOrEqual(t, len(reported.all()), 100+10*seconds)
}

func TestPanicsAreLoggedAsErrors(t *testing.T) {
	hub := memory.NewHub()
	var log logbook
	cluster := open(t, hub, log.to, func(c *core.Config) {
		c.Trace.PeerJoined = func(string, string) { panic("on purpose") }
	})
	join(t, cluster, "/", nil)
	join(t, open(t, hub), "/", nil)
	e := log.await(t, 1, "backplane: application code failed")[0]
	e.has(t, "ERROR", entry{"call": "Trace.PeerJoined"})
	require.Contains(t, e["error"], "on purpose")
	require.Contains(t, e["error"], "journal_test.go", "it has the stack")
}

// What others send is shortened.
func TestNobodyCanFillTheLog(t *testing.T) {
	hub := memory.NewHub()
	var log logbook
	cluster := open(t, hub, log.to)
	join(t, cluster, "/", nil)
	p := newPuppet(t, hub, "/", "p")
	p.say(codec.Envelope{Type: codec.Heartbeat, UID: strings.Repeat("u", 100_000)})
	e := log.await(t, 1, "backplane: message dropped")[0]
	e.has(t, "WARN", entry{"reason": "too many peers"})
	for _, e := range log.all() {
		line, err := json.Marshal(e)
		require.NoError(t, err)
		require.Less(t, len(line), 2000)
	}
}
