package natsdriver

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
)

// head is what a driver knows about the stream of the log.
type head struct {
	preparing sync.Mutex // held while the stream is examined

	mu     sync.Mutex // guards all below
	epoch  string     // empty if it is not known
	newest uint64     // the highest sequence that was seen in this epoch
}

// saw notes that the stream has had a sequence in an epoch.
func (h *head) saw(epoch string, sequence uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if epoch == h.epoch {
		h.newest = max(h.newest, sequence)
	}
}

// known returns the epoch and the highest sequence that was seen in it.
func (h *head) known() (epoch string, newest uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.epoch, h.newest
}

func (h *head) begin(epoch string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.epoch != epoch {
		h.epoch, h.newest = epoch, 0
	}
}

// forget makes the next call of epoch examine the stream.
func (h *head) forget(epoch string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.epoch == epoch {
		h.epoch, h.newest = "", 0
	}
}

// stateToken is in place of a channel in the subject of the message that says what was trimmed. No channel has it.
const stateToken = "%state"

// logSubjects are the subjects of the messages of an epoch.
func (d *Driver) logSubjects(epoch string) string { return d.logPrefix + epoch + ".*" }

// entrySubject is the subject of what is kept on a channel.
func (d *Driver) entrySubject(epoch, channel string) string {
	return d.logPrefix + epoch + "." + token(channel)
}

func (d *Driver) stateSubject(epoch string) string { return d.logPrefix + epoch + "." + stateToken }

// duplicateWindow is how long the servers recognize a message that comes once more.
const duplicateWindow = 2 * time.Minute

// fromKey is the key in the metadata of the stream for its last sequence when the epoch began.
const fromKey = "backplane-from"

// streamConfig is the configuration of the stream.
func (d *Driver) streamConfig(epoch string, replicas int) map[string]any {
	return map[string]any{
		"name": d.config.Stream, "description": "the log of backplane", "subjects": []string{d.logSubjects(epoch)},
		"retention": "limits", "storage": "file", "discard": "old", "num_replicas": replicas,
		"max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msg_size": -1,
		"max_msgs_per_subject": -1, "duplicate_window": duplicateWindow.Nanoseconds(),
		"allow_direct": true, "allow_rollup_hdrs": true, "republish": d.republish(epoch),
		"metadata": map[string]string{fromKey: "0"},
	}
}

// republish makes the leader of the stream publish what it has stored, in its order, to those who listen to the channel.
func (d *Driver) republish(epoch string) map[string]string {
	return map[string]string{"src": d.logSubjects(epoch), "dest": d.prefix + "{{wildcard(1)}}"}
}

// currentEpoch returns the epoch of the log. If it is not known, the stream is examined first.
func (d *Driver) currentEpoch(ctx context.Context) (string, error) {
	if epoch, _ := d.head.known(); epoch != "" {
		return epoch, nil
	}
	return d.examine(ctx)
}

// examine finds the stream, creates it if there is none, and begins a new epoch if messages are missing.
func (d *Driver) examine(ctx context.Context) (string, error) {
	d.head.preparing.Lock()
	defer d.head.preparing.Unlock()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		epoch, err := d.examineOnce(ctx)
		if epoch != "" && err == nil {
			d.head.begin(epoch)
		}
		if epoch != "" || err != nil && code(err) != codeNotReady {
			return epoch, err
		}
		timer := time.NewTimer(wait) // another node is changing the stream
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if err != nil {
				return "", fmt.Errorf("%w: %w", ctx.Err(), err)
			}
			return "", ctx.Err()
		}
	}
}

// examineOnce returns the epoch, or "" if it has to be called again.
func (d *Driver) examineOnce(ctx context.Context) (epoch string, err error) {
	known, newest := d.head.known() // before the stream is asked: it grows meanwhile
	found, err := d.streamInfo(ctx, d.config.Stream, "")
	switch {
	case errors.Is(err, errNobody), code(err) == codeNotForAccount, code(err) == codeNotEnabled:
		return "", fmt.Errorf("%w: %w", ErrNoJetStream, err)
	case code(err) == codeNoStream:
		return "", d.createStream(ctx)
	case err != nil:
		return "", err
	}
	epoch, from, err := d.checkStream(found.Config)
	if err != nil {
		return "", err
	}
	answers, err := d.query(ctx, lastOf(d.config.Stream, d.stateSubject(epoch)))
	if err != nil {
		return "", err
	}
	_, begun, err := decodeStored(answers[0])
	if err != nil {
		return "", err
	}
	switch {
	case !begun && found.State.Last == from:
		return "", d.writeState(ctx, epoch, logState{Last: from}, 0)
	case !begun, known == epoch && newest > found.State.Last:
		return "", d.beginEpoch(ctx, found, epoch)
	}
	return epoch, nil
}

// replicas returns how many replicas a new stream has.
func (d *Driver) replicas(ctx context.Context) (n int, err error) {
	if d.config.Replicas != 0 {
		return d.config.Replicas, nil
	}
	err = d.with(ctx, func(l *server.Link) error {
		if n = 1; l.Clustered() {
			n = 3
		}
		return nil
	})
	return n, err
}

// createStream creates the stream.
func (d *Driver) createStream(ctx context.Context) error {
	replicas, err := d.replicas(ctx)
	if err != nil {
		return err
	}
	err = d.call(ctx, streamAPI+"CREATE."+d.config.Stream, d.streamConfig(rand.Text(), replicas), nil)
	switch {
	case err == nil, code(err) == codeNameInUse: // another node was faster
		return nil
	case errors.Is(err, ErrDenied):
		return fmt.Errorf("%w, and there is no stream %q: create it with a user who may", err, d.config.Stream)
	case code(err) == codeOverlap:
		return fmt.Errorf("%w: another stream than %q has its subjects: %w", ErrStream, d.config.Stream, err)
	}
	return fmt.Errorf("natsdriver: stream %q with %d replicas cannot be created: %w", d.config.Stream, replicas, err)
}

// foundConfig is what matters of a stream's configuration.
type foundConfig struct {
	Subjects    []string          `json:"subjects"`
	Retention   string            `json:"retention"`
	Replicas    int               `json:"num_replicas"`
	MaxAge      time.Duration     `json:"max_age"`
	PerSubject  int64             `json:"max_msgs_per_subject"`
	Direct      bool              `json:"allow_direct"`
	Rollup      bool              `json:"allow_rollup_hdrs"`
	Duplicates  time.Duration     `json:"duplicate_window"`
	DenyPurge   bool              `json:"deny_purge"`
	Sealed      bool              `json:"sealed"`
	NoAck       bool              `json:"no_ack"`
	Mirror      json.RawMessage   `json:"mirror"`
	RePublish   map[string]any    `json:"republish"`
	Metadata    map[string]string `json:"metadata"`
	Description string            `json:"description"`
}

// checkStream returns the epoch of a stream and its last sequence when that began, or why it cannot be used.
func (d *Driver) checkStream(config json.RawMessage) (epoch string, from uint64, err error) {
	var have foundConfig
	if err := json.Unmarshal(config, &have); err != nil {
		return "", 0, fmt.Errorf("%w: %w", errMalformed, err)
	}
	unusable := func(format string, args ...any) (string, uint64, error) {
		return "", 0, fmt.Errorf("%w: stream %q: "+format, append([]any{ErrStream, d.config.Stream}, args...)...)
	}
	if len(have.Subjects) == 1 {
		rest, ok := strings.CutPrefix(have.Subjects[0], d.logPrefix)
		if epoch = strings.TrimSuffix(rest, ".*"); !ok || !isEpoch(epoch) {
			epoch = ""
		}
	}
	if epoch == "" {
		return unusable("its subjects are %q, not those of the prefix %q", have.Subjects, d.prefix)
	}
	from, err = strconv.ParseUint(have.Metadata[fromKey], 10, 64)
	wanted := d.republish(epoch)
	switch {
	case err != nil:
		return unusable("%s is missing in its metadata", fromKey)
	case have.RePublish["src"] != wanted["src"] || have.RePublish["dest"] != wanted["dest"] ||
		have.RePublish["headers_only"] == true:
		return unusable("it does not republish %q as %q with payloads", wanted["src"], wanted["dest"])
	case have.Retention != "limits":
		return unusable("its retention is %q, not limits", have.Retention)
	case !have.Direct || !have.Rollup:
		return unusable("it lacks allow_direct or allow_rollup_hdrs")
	case have.DenyPurge || have.Sealed || have.NoAck || len(have.Mirror) > 0:
		return unusable("it has deny_purge, sealed, no_ack or mirror")
	case have.MaxAge > 0 || have.PerSubject > 0:
		return unusable("it has max_age or max_msgs_per_subject: the nodes trim the log")
	case have.Duplicates < duplicateWindow:
		return unusable("its duplicate_window is %v, not %v or more", have.Duplicates, duplicateWindow)
	case d.config.Replicas != 0 && have.Replicas != d.config.Replicas:
		return unusable("it has %d replicas, not %d", have.Replicas, d.config.Replicas)
	}
	return epoch, from, nil
}

// isEpoch reports whether text can be the name of an epoch.
func isEpoch(text string) bool {
	return len(text) >= 4 && len(text) <= 32 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// beginEpoch gives the stream other subjects, and removes the messages of the old ones.
func (d *Driver) beginEpoch(ctx context.Context, found info, old string) error {
	var config map[string]any
	if err := json.Unmarshal(found.Config, &config); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	epoch := rand.Text()
	config["subjects"], config["republish"] = []string{d.logSubjects(epoch)}, d.republish(epoch)
	metadata, _ := config["metadata"].(map[string]any)
	for key := range metadata {
		if strings.HasPrefix(key, "_nats.") { // the server's own
			delete(metadata, key)
		}
	}
	metadata[fromKey] = strconv.FormatUint(found.State.Last, 10)
	err := d.call(ctx, streamAPI+"UPDATE."+d.config.Stream, config, nil)
	if err != nil {
		return fmt.Errorf("natsdriver: stream %q has lost messages, and no new epoch can begin: %w", d.config.Stream, err)
	}
	return d.purge(ctx, map[string]any{"filter": d.logSubjects(old)})
}

func (d *Driver) purge(ctx context.Context, request map[string]any) error {
	return d.call(ctx, streamAPI+"PURGE."+d.config.Stream, request, nil)
}

// logState is what the message on the subject of the state says.
type logState struct {
	// Trimmed is the sequence up to which messages count as trimmed. The last one of each channel up to it is still
	// there: it is the Previous of the next one.
	Trimmed uint64 `json:"trimmed"`
	// Last was the last sequence of the stream when that was decided.
	Last uint64 `json:"last"`
}

// writeState replaces the state, unless its message has another sequence than expected: then it does nothing.
func (d *Driver) writeState(ctx context.Context, epoch string, state logState, expected uint64) error {
	q := question(d.stateSubject(epoch), state)
	q.Header = server.AppendHeader(nil, "Nats-Rollup", "sub", "Nats-Msg-Id", rand.Text(),
		"Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(expected, 10))
	answers, err := d.query(ctx, q)
	if err != nil {
		return err
	}
	err = decode(answers[0], nil)
	if slices.Contains([]int{codeWrongLast, codeLastUnknown}, code(err)) || errors.Is(err, errNobody) {
		return nil // another node was faster, or has begun another epoch
	}
	return err
}

// PrepareLog implements transport.LogPreparer. It creates the stream if there is none, and tries what the log needs. Its
// error names the subject that the user's permissions deny (ErrDenied), or says why the stream cannot be used
// (ErrStream, ErrNoJetStream).
func (d *Driver) PrepareLog(ctx context.Context) error {
	err := d.with(ctx, func(l *server.Link) error { return d.checkServer(l) })
	if err != nil {
		return err
	}
	epoch, err := d.examine(ctx)
	if err != nil {
		return err
	}
	if err := d.purge(ctx, map[string]any{"filter": d.stateSubject(epoch), "seq": 1}); err != nil {
		return err // that removes nothing
	}
	if _, err = d.Replay(ctx, "", transport.Position{Epoch: epoch}, transport.ReadLimit{Records: 1}); err != nil &&
		!errors.As(err, new(*transport.PositionError)) {
		return err
	}
	s, err := d.OpenLog(ctx)
	if err != nil {
		return err
	}
	return s.Close(ctx)
}

// logRoom is how much larger an entry may be than the payloads in it, in bytes.
const logRoom = 4 << 10

// checkServer returns an error if a log cannot be on a server.
func (d *Driver) checkServer(l *server.Link) error {
	if most := l.MaxPayload(); most > 0 && most < d.config.MaxPayload+logRoom {
		return fmt.Errorf("%w and %d bytes more, which the log needs: %d bytes, not %d", ErrMaxPayload, logRoom, most,
			d.config.MaxPayload+logRoom)
	}
	major, rest, _ := strings.Cut(l.Version(), ".")
	minor, _, _ := strings.Cut(rest, ".")
	m, err := strconv.Atoi(major)
	n, err2 := strconv.Atoi(minor)
	if err != nil || err2 != nil || m < 2 || m == 2 && n < 11 {
		return fmt.Errorf("%w: it is %s", ErrVersion, l.Version())
	}
	return nil
}
