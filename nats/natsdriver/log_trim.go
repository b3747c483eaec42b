package natsdriver

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
)

// ages remembers when the stream had which last sequence, by the clock of this process, which nobody sets back.
type ages struct {
	mu    sync.Mutex // guards all below
	epoch string
	seen  []age // in order
}

type age struct {
	at       time.Time
	sequence uint64
}

// maxAges is how many of them are kept.
const maxAges = 256

// older returns the last sequence that the stream had a time ago, or 0, and remembers the one that it has now.
func (a *ages) older(epoch string, sequence uint64, maxAge time.Duration) (old uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.epoch != epoch {
		a.epoch, a.seen = epoch, nil
	}
	now := time.Now()
	n := len(a.seen)
	if n == 0 || a.seen[n-1].sequence != sequence && now.Sub(a.seen[n-1].at) >= maxAge/maxAges {
		a.seen = append(a.seen, age{now, sequence})
	}
	past := 0
	for ; past < len(a.seen) && now.Sub(a.seen[past].at) >= maxAge; past++ {
		old = a.seen[past].sequence
	}
	if past > 0 {
		a.seen = slices.Delete(a.seen, 0, past-1)
	}
	return old
}

// trimSteps is how often a call of TrimLog trims for MaxBytes.
const trimSteps = 16

// TrimLog implements transport.LogTrimmer. It trims when a quarter more than keep allows is there, by changing the
// message that says what counts as trimmed, and then purges what does. The last entry of each channel that counts as
// trimmed stays, because the server knows the Previous of the next one from it. The size is that of the stream.
//
// It begins a new epoch if the stream has fewer messages than it once had, or was purged by somebody else.
func (d *Driver) TrimLog(ctx context.Context, keep transport.Retention) error {
	epoch, err := d.currentEpoch(ctx)
	if err != nil {
		return err
	}
	for range trimSteps {
		_, newest := d.head.known() // before the stream is asked: it grows meanwhile
		answers, err := d.query(ctx, question(streamAPI+"INFO."+d.config.Stream, nil),
			lastOf(d.config.Stream, d.stateSubject(epoch)))
		if err != nil {
			return err
		}
		var stream info
		var said logState
		at, begun, err := decodeStored(answers[1])
		err = errors.Join(decode(answers[0], &stream), err)
		if code(err) == codeNoStream || err == nil && (!begun || newest > stream.State.Last) {
			_, err := d.examine(ctx)
			return err
		}
		if err == nil {
			err = json.Unmarshal(at.Data, &said)
		}
		if err != nil {
			return explainNobody(err)
		}
		if at.Sequence == said.Last+1 && stream.State.Last == at.Sequence {
			stream.State.Last = said.Last // nothing was kept since then
		}
		upTo := d.trimPoint(epoch, stream.State, said.Trimmed, keep)
		if upTo <= said.Trimmed {
			return nil
		}
		said = logState{Trimmed: upTo, Last: stream.State.Last}
		if err := d.writeState(ctx, epoch, said, at.Sequence); err != nil {
			return err
		}
		if err := d.purgeTrimmed(ctx, epoch, upTo); err != nil {
			return err
		}
	}
	return nil
}

// trimPoint returns up to which sequence the log can be trimmed.
func (d *Driver) trimPoint(epoch string, s state, trimmed uint64, keep transport.Retention) (upTo uint64) {
	keep.MaxAge = min(keep.MaxAge, 1<<61) // for the sum
	if keep.MaxAge > 0 && d.ages.older(epoch, s.Last, keep.MaxAge+keep.MaxAge/4) > trimmed {
		upTo = d.ages.older(epoch, s.Last, keep.MaxAge)
	}
	kept := s.Last - min(max(trimmed, s.First), s.Last) // there may be holes
	if most := keep.MaxBytes; most > 0 && s.Bytes > most && kept > 0 {
		excess := float64(s.Bytes-most+most/8) / float64(s.Bytes)
		part := max(uint64(float64(kept)*excess/2), 1) // they need not have the same size
		upTo = max(upTo, s.Last-kept+part)
	}
	return upTo
}

// purgeTrimmed removes the entries that count as trimmed, but the last one of each channel.
func (d *Driver) purgeTrimmed(ctx context.Context, epoch string, upTo uint64) error {
	stream, err := d.streamInfo(ctx, d.config.Stream, d.logSubjects(epoch))
	if err != nil {
		return explainNobody(err)
	}
	var subjects []string
	for subject, n := range stream.State.Subjects {
		if n > 1 && subject != d.stateSubject(epoch) {
			subjects = append(subjects, subject)
		}
	}
	slices.Sort(subjects)
	last, err := d.lastTrimmed(ctx, upTo, subjects...)
	if err != nil {
		return explainNobody(err)
	}
	var questions []server.Question
	for _, subject := range subjects {
		if last[subject] > 0 {
			questions = append(questions, question(streamAPI+"PURGE."+d.config.Stream,
				map[string]any{"filter": subject, "seq": last[subject]}))
		}
	}
	answers, err := d.query(ctx, questions...)
	for _, a := range answers {
		if err == nil {
			err = decode(a, nil)
		}
	}
	return explainNobody(err)
}

// InspectLog implements transport.LogInspector. LogInfo.Bytes is the size of the stream. Channels whose names have
// more than 1024 bytes are missing. It reads all entries whose number of messages it
// has to count, so it is not for frequent use.
func (d *Driver) InspectLog(ctx context.Context, prefix string) (all transport.LogInfo, err error) {
	h, err := d.leaderHead(ctx, "")
	if err != nil {
		return all, err
	}
	stream, err := d.streamInfo(ctx, d.config.Stream, d.logSubjects(h.epoch))
	if err != nil {
		return all, explainNobody(err)
	}
	all.Epoch, all.Bytes = h.epoch, stream.State.Bytes
	for subject := range stream.State.Subjects {
		name := subject[len(d.logPrefix)+len(h.epoch)+1:]
		channel, known := untoken(name)
		if !known || !strings.HasPrefix(channel, prefix) {
			continue
		}
		c, err := d.inspect(ctx, channel)
		if err != nil {
			return all, err
		}
		all.Channels = append(all.Channels, c)
	}
	slices.SortFunc(all.Channels, func(a, b transport.ChannelInfo) int {
		return strings.Compare(a.Channel, b.Channel)
	})
	all.Oldest, err = d.oldest(ctx, h)
	return all, err
}

// oldest returns when the oldest message that is not trimmed was kept.
func (d *Driver) oldest(ctx context.Context, h logHead) (at time.Time, err error) {
	entries, err := d.direct(ctx, directRequest{Sequence: h.trimmed + 1, Next: d.logSubjects(h.epoch), Batch: 2})
	for i := range entries {
		if entries[i].subject != d.stateSubject(h.epoch) {
			return entries[i].stored, nil
		}
	}
	return at, explainNobody(err)
}

// inspect describes the log of a channel.
func (d *Driver) inspect(ctx context.Context, channel string) (c transport.ChannelInfo, err error) {
	c.Channel = channel
	if c.Bounds, err = d.Bounds(ctx, channel); err != nil {
		return c, err
	}
	subject := d.entrySubject(c.Bounds.Epoch, channel)
	for next := c.Bounds.Trimmed.Major + 1; next <= c.Bounds.Newest.Major; {
		entries, err := d.entries(ctx, subject, next, c.Bounds.Newest.Major)
		if err != nil || len(entries) == 0 {
			return c, err
		}
		for i := range entries {
			records, err := decodeEntry(channel, c.Bounds.Epoch, entries[i].sequence, 0, &entries[i].Message)
			if err != nil {
				return c, err
			}
			for _, r := range records {
				if r.Keep {
					c.Records++
				}
			}
			next = entries[i].sequence + 1
		}
	}
	return c, nil
}

// untoken is the opposite of token. known is false if the text was too long, or if there was none.
func untoken(name string) (text string, known bool) {
	if name == "%" {
		return "", true
	}
	text, err := url.PathUnescape(name) // that of stateToken is malformed
	return text, err == nil
}
