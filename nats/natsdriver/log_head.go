package natsdriver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
)

// logHead is what the leader of the stream knows about a channel.
type logHead struct {
	epoch   string
	trimmed uint64 // messages up to this sequence count as trimmed
	newest  uint64 // the sequence of the channel's latest entry, or 0
	state   uint64 // the sequence of the message that says what was trimmed
}

// leaderHead asks the leader of the stream about a channel. It begins a new epoch if the log has lost messages.
func (d *Driver) leaderHead(ctx context.Context, channel string) (h logHead, err error) {
	for {
		if h.epoch, err = d.currentEpoch(ctx); err != nil {
			return h, err
		}
		answers, err := d.query(ctx, lastOf(d.config.Stream, d.stateSubject(h.epoch)),
			lastOf(d.config.Stream, d.entrySubject(h.epoch, channel)))
		if err != nil {
			return h, err
		}
		at, begun, err := decodeStored(answers[0])
		lost := code(err) == codeNoStream || err == nil && !begun
		if lost {
			if _, err := d.examine(ctx); err != nil { // what an epoch begins with is gone
				return h, err
			}
			continue
		}
		last, used, err2 := decodeStored(answers[1])
		var s logState
		if err = errors.Join(err, err2); err == nil {
			err = json.Unmarshal(at.Data, &s)
		}
		if err != nil {
			return h, explainNobody(err)
		}
		h.trimmed, h.state = s.Trimmed, at.Sequence
		if used {
			h.newest = last.Sequence
			d.head.saw(h.epoch, last.Sequence)
		}
		return h, nil
	}
}

// explainNobody says what it means that nobody answers.
func explainNobody(err error) error {
	if errors.Is(err, errNobody) {
		return fmt.Errorf("%w: %w", ErrNoJetStream, err)
	}
	return err
}

// directRequest asks any replica of the stream for messages.
type directRequest struct {
	Sequence uint64   `json:"seq,omitempty"`
	Next     string   `json:"next_by_subj,omitempty"`
	Batch    int      `json:"batch,omitempty"`
	MaxBytes int      `json:"max_bytes,omitempty"`
	Last     []string `json:"multi_last,omitempty"`
	UpTo     uint64   `json:"up_to_seq,omitempty"`
}

// found is a message of the stream that a replica has returned.
type found struct {
	server.Message
	subject  string
	sequence uint64
	pending  int // how many follow
	stored   time.Time
}

// direct asks a replica of the log for messages.
func (d *Driver) direct(ctx context.Context, request directRequest) (all []found, err error) {
	return d.directIn(ctx, d.config.Stream, request)
}

// directIn asks a replica of a stream for messages.
func (d *Driver) directIn(ctx context.Context, stream string, request directRequest) (all []found, err error) {
	q := question(directAPI+stream, request)
	q.Many = true
	answers, err := d.query(ctx, q)
	if err != nil {
		return nil, err
	}
	messages := answers[0].Messages
	switch status, text := messages[len(messages)-1].Status(); status {
	case 204, 404:
	case noResponders:
		return nil, errNobody
	default:
		return nil, fmt.Errorf("natsdriver: JetStream refuses to return messages: %d %s", status, text)
	}
	for _, m := range messages[:len(messages)-1] {
		f := found{Message: m, subject: m.Field(fieldSubject)}
		f.sequence, err = strconv.ParseUint(m.Field(fieldSequence), 10, 64)
		if err == nil {
			f.pending, err = strconv.Atoi(m.Field(fieldPending))
		}
		if err == nil {
			f.stored, err = time.Parse(time.RFC3339Nano, m.Field(fieldTime))
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errMalformed, err)
		}
		all = append(all, f)
	}
	return all, nil
}

// lastTrimmed returns the sequence of the latest entry of each subject up to a sequence. Subjects without one are
// missing.
func (d *Driver) lastTrimmed(ctx context.Context, upTo uint64, subjects ...string) (map[string]uint64, error) {
	last := make(map[string]uint64)
	if upTo == 0 {
		return last, nil
	}
	for len(subjects) > 0 {
		some := subjects[:min(len(subjects), 256)]
		all, err := d.direct(ctx, directRequest{Last: some, UpTo: upTo})
		for err == nil && len(all) > 0 && all[len(all)-1].pending > 0 && len(some) > 1 { // too large for one answer
			some = some[:len(some)/2]
			all, err = d.direct(ctx, directRequest{Last: some, UpTo: upTo})
		}
		if err != nil {
			return nil, err
		}
		for _, f := range all {
			last[f.subject] = f.sequence
		}
		subjects = subjects[len(some):]
	}
	return last, nil
}

// bounds returns the bounds that a head means.
func (d *Driver) bounds(ctx context.Context, channel string, h logHead) (transport.Bounds, error) {
	b := transport.Bounds{Epoch: h.epoch, Newest: transport.Offset{Major: h.newest}}
	if h.newest <= h.trimmed {
		b.Trimmed = b.Newest
		return b, nil
	}
	subject := d.entrySubject(h.epoch, channel)
	last, err := d.lastTrimmed(ctx, h.trimmed, subject)
	b.Trimmed = transport.Offset{Major: last[subject]}
	return b, explainNobody(err)
}

// Bounds implements transport.Log.
func (d *Driver) Bounds(ctx context.Context, channel string) (transport.Bounds, error) {
	h, err := d.leaderHead(ctx, channel)
	if err != nil {
		return transport.Bounds{}, err
	}
	return d.bounds(ctx, channel, h)
}

// nextFromLeader returns the first message on a subject from a sequence on, as the leader of the stream has it.
func (d *Driver) nextFromLeader(
	ctx context.Context, stream, subject string, from uint64,
) (f found, ok bool, err error) {
	answers, err := d.query(ctx, question(streamAPI+"MSG.GET."+stream, directRequest{Sequence: from, Next: subject}))
	if err != nil {
		return f, false, err
	}
	m, ok, err := decodeStored(answers[0])
	f = found{Message: server.Message{Header: m.Header, Payload: m.Data}, subject: m.Subject, sequence: m.Sequence,
		stored: m.Time}
	return f, ok, explainNobody(err)
}

// entries returns entries of a subject from a sequence on. The latest one is known: if the replica that is asked has
// not got it yet, the leader returns the next one.
func (d *Driver) entries(ctx context.Context, subject string, from, latest uint64) ([]found, error) {
	all, err := d.direct(ctx, directRequest{Sequence: from, Next: subject, Batch: 1024, MaxBytes: maxReadBytes})
	if err != nil || len(all) > 0 || from > latest {
		return all, explainNobody(err)
	}
	f, ok, err := d.nextFromLeader(ctx, d.config.Stream, subject, from)
	if err != nil || !ok {
		return nil, err
	}
	return []found{f}, nil
}
