package natsdriver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/storage"
)

var _ storage.Sessions = (*Driver)(nil)

const (
	// maxSessionText is the maximum length in bytes of a scope, a key and an owner.
	maxSessionText = 255
	// maxSessions is how many sessions are read and written at once.
	maxSessions = 250
	// unsaved is how much longer a session that was taken may be without being saved.
	unsaved = time.Minute
)

// SaveSessions implements storage.Sessions. It saves up to 250 sessions at once.
func (d *Driver) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	for _, s := range sessions {
		if err := checkSessionText(s.Scope, s.Key, s.Owner); err != nil {
			return err
		}
	}
	for len(sessions) > 0 {
		n, size := 0, 0
		seen := make(map[string]bool)
		for ; n < len(sessions) && n < maxSessions && !seen[d.sessionSubject(sessions[n])]; n++ {
			if size += len(sessions[n].State); n > 0 && size > maxReadBytes {
				break
			}
			seen[d.sessionSubject(sessions[n])] = true
		}
		if err := d.saveSome(ctx, sessions[:n]); err != nil {
			return err
		}
		sessions = sessions[n:]
	}
	return ctx.Err()
}

func (d *Driver) sessionSubject(s storage.SavedSession) string { return d.sessionAt(s.Scope, s.Key) }

// saveSome saves sessions, each of which is there once.
func (d *Driver) saveSome(ctx context.Context, sessions []storage.SavedSession) error {
	return d.changeAll(ctx, len(sessions), func(i int) string { return d.sessionSubject(sessions[i]) },
		func(i int, old *savedState) *savedState {
			s := sessions[i]
			if old != nil && old.owner != s.Owner {
				return nil
			}
			changed := &savedState{scope: s.Scope, key: s.Key, owner: s.Owner, away: s.Away, state: s.State}
			if s.Away && old != nil && old.away && old.taken == "" {
				changed.since = old.since
			}
			return changed
		})
}

// TakeSession implements storage.Sessions.
func (d *Driver) TakeSession(
	ctx context.Context, scope, key, owner string, maxAway time.Duration,
) (taken storage.SavedSession, err error) {
	if err := checkSessionText(scope, key, owner); err != nil {
		return taken, err
	}
	for {
		old, now, err := d.readSession(ctx, scope, key)
		if err != nil {
			return taken, err
		}
		if old == nil || old.taken != "" || old.away && now.Sub(old.since) > maxAway {
			return taken, storage.ErrNotFound
		}
		changed := &savedState{scope: scope, key: key, owner: owner, taken: takenNow, state: old.state,
			sequence: old.sequence, divided: old.pieces != ""}
		ok, err := d.writeSessions(ctx, changed)
		if err != nil {
			return taken, err
		}
		if !ok[0] {
			continue // somebody else was faster
		}
		taken = storage.SavedSession{Scope: scope, Key: key, Owner: old.owner, Away: old.away, State: old.state}
		return taken, d.forgetConnected(ctx, old)
	}
}

// RemoveSessions implements storage.Sessions.
func (d *Driver) RemoveSessions(ctx context.Context, scope, owner string, keys ...string) error {
	if err := checkSessionText(append([]string{scope, owner}, keys...)...); err != nil {
		return err
	}
	for some := range slices.Chunk(keys, maxSessions) {
		subjects := make([]string, len(some))
		for i, key := range some {
			subjects[i] = d.sessionAt(scope, key)
		}
		found, err := d.leaderSessions(ctx, subjects)
		if err != nil {
			return err
		}
		var gone []*savedState
		for _, s := range found {
			if s != nil && s.owner == owner {
				gone = append(gone, s)
			}
		}
		if err := d.removeSessions(ctx, gone); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// SessionOwners implements storage.Sessions.
func (d *Driver) SessionOwners(ctx context.Context, scope string) (owners []string, err error) {
	if err := checkSessionText(scope); err != nil {
		return nil, err
	}
	begin := d.sessionsPrefix + "o." + token(scope) + "."
	found, err := d.streamInfo(ctx, d.sessionsStream, begin+"*")
	if err != nil {
		return nil, explainSessions(err)
	}
	for subject := range found.State.Subjects {
		owner, known := untoken(subject[len(begin):])
		if !known {
			continue
		}
		connected, err := d.isConnected(ctx, scope, owner)
		if err != nil {
			return nil, err
		}
		if connected {
			owners = append(owners, owner)
		}
	}
	return owners, nil
}

// isConnected reports whether a client of an owner is not away. If none is, it removes the mark of the owner.
func (d *Driver) isConnected(ctx context.Context, scope, owner string) (bool, error) {
	answers, err := d.query(ctx, lastOf(d.sessionsStream, d.ownerAt(scope, owner)))
	if err != nil {
		return false, err
	}
	mark, there, err := decodeStored(answers[0])
	if err != nil || !there {
		return false, err
	}
	for {
		some, rest, err := d.connectedTo(ctx, scope, owner)
		if err != nil || len(some) > 0 {
			return err == nil, err
		}
		if !rest {
			return false, d.purgeSessions(ctx, purging{d.ownerAt(scope, owner), mark.Sequence})
		}
	}
}

// AbandonSessions implements storage.Sessions.
func (d *Driver) AbandonSessions(ctx context.Context, scope, owner string) error {
	if err := checkSessionText(scope, owner); err != nil {
		return err
	}
	for {
		some, rest, err := d.connectedTo(ctx, scope, owner)
		if err != nil {
			return err
		}
		if len(some) == 0 && !rest {
			return ctx.Err()
		}
		err = d.changeAll(ctx, len(some), func(i int) string { return d.sessionAt(scope, some[i].key) },
			func(_ int, old *savedState) *savedState {
				if old == nil || old.owner != owner || old.away {
					return nil
				}
				changed := *old
				changed.away, changed.taken, changed.since = true, "", time.Time{}
				return &changed
			})
		if err != nil {
			return err
		}
	}
}

// ExpireSessions implements storage.Sessions. Without a node that calls it, sessions stay.
func (d *Driver) ExpireSessions(ctx context.Context, scope string, maxAway time.Duration) error {
	if err := checkSessionText(scope); err != nil {
		return err
	}
	now, err := d.serverTime(ctx)
	if err != nil {
		return err
	}
	begin := d.sessionsPrefix + "a." + token(scope) + "."
	for next := uint64(1); ; {
		marks, err := d.directIn(ctx, d.sessionsStream,
			directRequest{Sequence: next, Next: begin + "*", Batch: maxSessions})
		if err != nil {
			return explainSessions(err)
		}
		var subjects []string
		old := 0
		for ; old < len(marks) && now.Sub(marks[old].stored) > maxAway; old++ {
			subjects = append(subjects, d.sessionsPrefix+"s."+token(scope)+"."+marks[old].subject[len(begin):])
		}
		if old == 0 {
			return ctx.Err()
		}
		found, err := d.leaderSessions(ctx, subjects)
		if err != nil {
			return err
		}
		var gone []*savedState
		var unused []purging // marks that mean nothing any more
		for i, s := range found {
			switch mark := &marks[i]; {
			case s == nil, !s.away && s.taken == "":
				unused = append(unused, purging{mark.subject, mark.sequence})
			case s.away && now.Sub(s.since) > maxAway, s.taken != "" && now.Sub(s.stored) > maxAway+unsaved:
				gone = append(gone, s)
			}
		}
		if err := errors.Join(d.removeSessions(ctx, gone), d.purgeSessions(ctx, unused...)); err != nil {
			return err
		}
		next = marks[old-1].sequence + 1
	}
}

// serverTime returns the time of the server, by which sessions are away.
func (d *Driver) serverTime(ctx context.Context) (now time.Time, err error) {
	var answer struct {
		Time time.Time `json:"ts"`
	}
	err = d.call(ctx, streamAPI+"INFO."+d.sessionsStream, nil, &answer)
	return answer.Time, explainSessions(err)
}

// checkSessionText refuses text that is not that of storage.SavedSession.
func checkSessionText(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxSessionText || !utf8.ValidString(text) {
			return fmt.Errorf("natsdriver: a scope, key or owner of a session is not text of up to %d bytes: %.80q",
				maxSessionText, text)
		}
	}
	return nil
}

// PrepareSessions implements storage.Sessions. It creates the stream of the sessions if there is none. Its error names
// the subject that the user's permissions deny (ErrDenied), or says why the stream cannot be used (ErrStream,
// ErrNoJetStream).
func (d *Driver) PrepareSessions(ctx context.Context) error {
	if err := d.with(ctx, func(l *server.Link) error { return d.checkServer(l) }); err != nil {
		return err
	}
	if err := d.createSessions(ctx); err != nil {
		return err
	}
	_, _, err := d.readSession(ctx, "", "")
	if err == nil {
		err = d.purgeSessions(ctx, purging{d.sessionAt("", ""), 0}) // it tries whether that is allowed
	}
	if err == nil {
		_, err = d.SessionOwners(ctx, "")
	}
	return err
}
