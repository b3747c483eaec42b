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
	suspicions := 0
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		epoch, err := d.examineOnce(ctx, &suspicions)
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

// maxSuspicions is how often in a row messages must be missing until a new epoch begins, which removes the others. A
// server that has just begun to lead may need a moment to know all of them.
const maxSuspicions = 6

// examineOnce returns the epoch, or "" if it has to be called again. It counts how often messages were missing.
func (d *Driver) examineOnce(ctx context.Context, suspicions *int) (epoch string, err error) {
	known, newest := d.head.known() // before the stream is asked: it grows meanwhile
	found, err := d.streamInfo(ctx, d.config.Stream, "")
	switch {
	case noJetStream(err):
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
		if *suspicions++; *suspicions < maxSuspicions {
			return "", nil
		}
		*suspicions = 0
		return "", d.beginEpoch(ctx, found, epoch)
	}
	return epoch, nil
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
		return fmt.Errorf("natsdriver: stream %q has lost messages, and no new epoch can begin: %w", d.config.Stream,
			err)
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
