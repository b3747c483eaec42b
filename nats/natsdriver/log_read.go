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

// What a call of Replay or Latest returns unless the caller sets a lower limit.
const (
	defaultReadRecords = 4096
	maxReadBytes       = 1 << 20
)

// readLimit returns a limit with the defaults.
func readLimit(limit transport.ReadLimit) transport.ReadLimit {
	if limit.Records <= 0 || limit.Records > defaultReadRecords {
		limit.Records = defaultReadRecords
	}
	if limit.Bytes <= 0 || limit.Bytes > maxReadBytes {
		limit.Bytes = maxReadBytes
	}
	return limit
}

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
			if err := d.lost(ctx, h.epoch); err != nil {
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

// lost examines the stream, because what an epoch begins with is gone.
func (d *Driver) lost(ctx context.Context, epoch string) error {
	d.head.forget(epoch)
	_, err := d.examine(ctx)
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
}

// time is when the message was stored.
func (f *found) time() time.Time {
	at, _ := time.Parse(time.RFC3339Nano, f.Field("Nats-Time-Stamp")) // the server has written it
	return at
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

// Replay implements transport.Log. It returns up to 4096 messages and 1 MiB, also if the limit is higher. A replica of
// the stream returns the messages, and after that its leader says whether they are all.
func (d *Driver) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	limit = readLimit(limit)
	epoch, err := d.currentEpoch(ctx)
	if err != nil {
		return nil, err
	}
	var records []transport.Record
	if after.Epoch == epoch {
		if records, err = d.readAfter(ctx, epoch, channel, after.Offset, limit); err != nil {
			return nil, err
		}
	}
	h, err := d.leaderHead(ctx, channel)
	if err != nil {
		return nil, err
	}
	if err := d.checkPosition(ctx, channel, after, h); err != nil {
		return nil, err
	}
	if len(records) > 0 || after.Offset.Major >= h.newest {
		return records, nil
	}
	return d.readFromLeader(ctx, epoch, channel, after.Offset, limit) // the replica lags behind
}

// checkPosition returns a *transport.PositionError if messages of a channel after a position are missing. The position
// may be older than what was trimmed, if it is that of the latest message before.
func (d *Driver) checkPosition(ctx context.Context, channel string, after transport.Position, h logHead) error {
	newest := transport.Offset{Major: h.newest}
	follows := after.Epoch == h.epoch && after.Offset.Compare(newest) <= 0
	if follows && after.Offset.Major < h.trimmed && after.Offset != newest {
		subject := d.entrySubject(h.epoch, channel)
		at := directRequest{Sequence: max(after.Offset.Major, 1)}
		if after.Offset.Major == 0 {
			at.Next = subject
		}
		answers, err := d.query(ctx, question(streamAPI+"MSG.GET."+d.config.Stream, at),
			question(streamAPI+"MSG.GET."+d.config.Stream, directRequest{Sequence: entryAfter(after.Offset), Next: subject}))
		if err != nil {
			return err
		}
		here, there, err := decodeStored(answers[0])
		next, more, err2 := decodeStored(answers[1])
		if err := errors.Join(err, err2); err != nil {
			return explainNobody(err)
		}
		follows = after.Offset.Minor == 0 && (!more || next.Sequence > h.trimmed) &&
			(after.Offset.Major == 0 || there && here.Subject == subject)
	}
	if follows {
		return nil
	}
	bounds, err := d.bounds(ctx, channel, h)
	if err == nil {
		err = bounds.CheckPosition(channel, after)
	}
	if err == nil {
		err = &transport.PositionError{Channel: channel, Position: after, Bounds: bounds, Err: transport.ErrTrimmed}
	}
	return err
}

// readAfter returns messages after an offset as a replica has them.
func (d *Driver) readAfter(
	ctx context.Context, epoch, channel string, after transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	all, err := d.direct(ctx, directRequest{Sequence: entryAfter(after), Next: d.entrySubject(epoch, channel),
		Batch: limit.Records, MaxBytes: limit.Bytes})
	if err != nil {
		if errors.Is(err, errNobody) { // the stream is gone, or has no replica
			return nil, d.lost(ctx, epoch)
		}
		return nil, err
	}
	c := collector{after: after, limit: limit}
	for _, f := range all {
		records, err := decodeEntry(channel, epoch, f.sequence, c.after.Major, &f.Message)
		if err != nil {
			return nil, err
		}
		if !c.add(records) {
			break
		}
	}
	return c.records, nil
}

// readFromLeader is readAfter for one entry, as the leader has it.
func (d *Driver) readFromLeader(
	ctx context.Context, epoch, channel string, after transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	answers, err := d.query(ctx, question(streamAPI+"MSG.GET."+d.config.Stream, directRequest{
		Sequence: entryAfter(after), Next: d.entrySubject(epoch, channel)}))
	if err != nil {
		return nil, err
	}
	m, ok, err := decodeStored(answers[0])
	if err != nil || !ok {
		return nil, err
	}
	records, err := decodeEntry(channel, epoch, m.Sequence, after.Major,
		&server.Message{Header: m.Header, Payload: m.Data})
	c := collector{after: after, limit: limit}
	c.add(records)
	return c.records, err
}

// collector collects kept messages after an offset.
type collector struct {
	after   transport.Offset
	limit   transport.ReadLimit
	records []transport.Record
	bytes   int
}

// add adds messages, and reports whether there is room for more.
func (c *collector) add(records []transport.Record) bool {
	for _, r := range records {
		if !r.Keep || r.Offset.Compare(c.after) <= 0 {
			continue
		}
		c.bytes += len(r.Payload)
		if len(c.records) > 0 && (len(c.records) >= c.limit.Records || c.bytes > c.limit.Bytes) {
			return false
		}
		r.Previous, c.after = c.after, r.Offset
		c.records = append(c.records, r)
	}
	return true
}
