package natsdriver

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
)

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

// republish makes the leader of the stream publish what it has stored, in its order, to those who listen to the
// channel.
func (d *Driver) republish(epoch string) map[string]string {
	return map[string]string{"src": d.logSubjects(epoch), "dest": d.prefix + "{{wildcard(1)}}"}
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

// noJetStream reports whether an error means that there is no JetStream.
func noJetStream(err error) bool {
	return errors.Is(err, errNobody) || code(err) == codeNotForAccount || code(err) == codeNotEnabled
}

// PrepareLog implements transport.LogPreparer. It creates the stream if there is none, and tries what the log needs.
// Its error names the subject that the user's permissions deny (ErrDenied), or says why the stream cannot be used
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

// LogStream returns the name of the stream of the log: Config.Stream, or its default.
func (d *Driver) LogStream() string { return d.config.Stream }

// HasLog reports whether the stream of the log exists, for programs that must not create it.
func (d *Driver) HasLog(ctx context.Context) (bool, error) {
	_, err := d.streamInfo(ctx, d.config.Stream, "")
	if code(err) == codeNoStream {
		return false, nil
	}
	if noJetStream(err) {
		err = fmt.Errorf("%w: %w", ErrNoJetStream, err)
	}
	return err == nil, err
}
