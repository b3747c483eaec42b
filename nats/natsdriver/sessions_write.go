package natsdriver

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"

	"github.com/backplane-go/backplane/nats/internal/server"
)

// changeAll changes n sessions. change returns what becomes of one, or nil if it stays. A session that somebody else
// changes at the same time is read again.
func (d *Driver) changeAll(
	ctx context.Context, n int, subject func(i int) string, change func(i int, old *savedState) *savedState,
) error {
	left := make([]int, n)
	for i := range left {
		left[i] = i
	}
	for len(left) > 0 {
		subjects := make([]string, len(left))
		for k, i := range left {
			subjects[k] = subject(i)
		}
		found, err := d.leaderSessions(ctx, subjects)
		if err != nil {
			return err
		}
		var changing, was []*savedState
		var which []int
		for k, i := range left {
			if changed := change(i, found[k]); changed != nil {
				if found[k] != nil {
					changed.sequence, changed.divided = found[k].sequence, found[k].pieces != ""
				}
				changing, was, which = append(changing, changed), append(was, found[k]), append(which, i)
			}
		}
		ok, err := d.writeSessions(ctx, changing...)
		if err != nil {
			return err
		}
		left = left[:0]
		var gone []*savedState
		for k, i := range which {
			switch {
			case !ok[k]:
				left = append(left, i)
			case changing[k].away && was[k] != nil && !was[k].away:
				gone = append(gone, was[k])
			}
		}
		if err := d.forgetConnected(ctx, gone...); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// forgetConnected removes the marks of sessions that were connected.
func (d *Driver) forgetConnected(ctx context.Context, sessions ...*savedState) error {
	var all []purging
	for _, s := range sessions {
		if !s.away {
			all = append(all, purging{d.connectedAt(s.scope, s.owner, s.key), s.sequence})
		}
	}
	return d.purgeSessions(ctx, all...)
}

// writeSessions writes sessions with their marks. It returns which of them had the sequence that was expected.
func (d *Driver) writeSessions(ctx context.Context, sessions ...*savedState) (written []bool, err error) {
	var questions []server.Question
	mark := func(subject string) {
		questions = append(questions, server.Question{Subject: subject,
			Header: server.AppendHeader(nil, fieldID, rand.Text())})
	}
	owners := make(map[string]bool)
	for _, s := range sessions {
		if !s.away {
			mark(d.connectedAt(s.scope, s.owner, s.key))
			owners[d.ownerAt(s.scope, s.owner)] = true
		}
		if s.away && s.since.IsZero() || s.taken != "" {
			mark(d.awayAt(s.scope, s.key))
		}
	}
	for subject := range owners {
		mark(subject)
	}
	names := make([]string, len(sessions))
	for i, s := range sessions {
		var pieces []server.Question
		names[i], pieces = d.divide(s)
		questions = append(questions, pieces...)
	}
	first := len(questions)
	for i, s := range sessions {
		fields := []string{fieldID, rand.Text(), fieldExpected, strconv.FormatUint(s.sequence, 10),
			fieldScope, token(s.scope), fieldKey, token(s.key), fieldOwner, token(s.owner)}
		switch {
		case s.away && s.since.IsZero():
			fields = append(fields, fieldAway, awayNow)
		case s.away:
			fields = append(fields, fieldAway, strconv.FormatInt(s.since.UnixNano(), 10))
		}
		if s.taken != "" {
			fields = append(fields, fieldTaken, s.taken)
		}
		q := server.Question{Subject: d.sessionAt(s.scope, s.key), Payload: s.state}
		if names[i] != "" {
			fields, q.Payload = append(fields, fieldPieces, names[i]), nil
		}
		q.Header = server.AppendHeader(nil, fields...)
		questions = append(questions, q)
	}
	answers, err := d.query(ctx, questions...)
	if err != nil {
		return nil, err
	}
	for i, a := range answers {
		err := decode(a, nil)
		refused := slices.Contains([]int{codeWrongLast, codeLastUnknown, codeDuplicateOnWay}, code(err))
		if err != nil && !(refused && i >= first) {
			return nil, explainSessions(err)
		}
		if i >= first {
			written = append(written, err == nil)
		}
	}
	var unused []purging
	for i, s := range sessions {
		if written[i] && s.divided {
			unused = append(unused, d.unusedPieces(s))
		}
	}
	return written, d.purgeSessions(ctx, unused...)
}

// purging is a subject, and the sequence up to which its messages are removed.
type purging struct {
	subject  string
	sequence uint64
}

func (d *Driver) purgeSessions(ctx context.Context, all ...purging) error {
	if len(all) == 0 {
		return nil
	}
	questions := make([]server.Question, len(all))
	for i, p := range all {
		questions[i] = question(streamAPI+"PURGE."+d.sessionsStream,
			map[string]any{"filter": p.subject, "seq": p.sequence + 1})
	}
	answers, err := d.query(ctx, questions...)
	for _, a := range answers {
		if err == nil {
			err = explainSessions(decode(a, nil))
		}
	}
	return err
}

// removeSessions removes sessions that have not changed since they were read, and then their marks.
func (d *Driver) removeSessions(ctx context.Context, sessions []*savedState) error {
	var all, marks []purging
	for _, s := range sessions {
		all = append(all, purging{d.sessionAt(s.scope, s.key), s.sequence})
		marks = append(marks, purging{d.connectedAt(s.scope, s.owner, s.key), s.sequence},
			purging{d.awayAt(s.scope, s.key), s.sequence})
		if s.pieces != "" {
			marks = append(marks, d.unusedPieces(s))
		}
	}
	if err := d.purgeSessions(ctx, all...); err != nil {
		return err
	}
	return d.purgeSessions(ctx, marks...)
}
