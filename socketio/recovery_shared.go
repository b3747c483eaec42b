package socketio

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/storage"
)

// In the clusters of some dialects, other programs recover clients, too. Their sessions are stored only while clients
// are away, under the pid, and in the form of those programs; and clients know offsets in that form.

// awayStore makes a storage.Sessions of a storage.AwaySessions. Sessions of connected clients are not stored.
type awayStore struct {
	storage.AwaySessions
	form    dialect.Shared
	maxAway time.Duration
}

func (a *awayStore) PrepareSessions(context.Context) error { return nil }

func (a *awayStore) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	for _, s := range sessions {
		if !s.Away {
			continue
		}
		if err := a.PutAway(ctx, s.Key, s.State, a.maxAway); err != nil {
			return err
		}
	}
	return nil
}

func (a *awayStore) TakeSession(ctx context.Context, scope, key, _ string, _ time.Duration) (storage.SavedSession,
	error) {
	state, err := a.TakeAway(ctx, key)
	return storage.SavedSession{Scope: scope, Key: key, Away: true, State: state}, err
}

func (a *awayStore) RemoveSessions(context.Context, string, string, ...string) error { return nil }

func (a *awayStore) SessionOwners(context.Context, string) ([]string, error) { return nil, nil }

func (a *awayStore) AbandonSessions(context.Context, string, string) error { return nil }

func (a *awayStore) ExpireSessions(context.Context, string, time.Duration) error { return nil }

// isShared reports whether other programs recover clients of the namespace, too.
func (l *recoveryLog) isShared() bool { return l.cluster != nil && l.cluster.shared != nil }

// textOf returns the offset of a position, as clients know it.
func (l *recoveryLog) textOf(p backplane.Position) string {
	if l.isShared() && !p.IsZero() {
		return l.cluster.shared.form.OffsetText(p.Offset)
	}
	return p.String()
}

// parseOffset is the opposite of textOf. Offsets of other programs do not say which epoch they are of: received finds
// out whether it is the current one.
func (l *recoveryLog) parseOffset(text string) (p backplane.Position, ok bool) {
	if l.isShared() {
		o, ok := l.cluster.shared.form.ParseOffset(text)
		p = l.last
		p.Offset = o
		return p, ok
	}
	p, err := backplane.ParsePosition(text)
	return p, err == nil
}

// encodeShared returns the state of a client that is away, in the form of other programs.
func (c *clusterRecovery) encodeShared(pid string, s *sessionState) ([]byte, error) {
	data, err := backplane.NewValue(s.data)
	if err != nil {
		return nil, err
	}
	own := *s
	own.rooms, own.data = nil, nil
	p, err := own.encode(c.ns.UID())
	if err != nil {
		return nil, err
	}
	rooms := s.rooms
	if !slices.Contains(rooms, s.id) {
		rooms = append([]string{s.id}, rooms...)
	}
	return c.shared.form.AppendSession(nil, &dialect.Session{ID: s.id, PID: pid, Rooms: rooms, Data: data, Own: p})
}

// decodeShared returns the state of a client that has received everything up to a position. node is the one of this
// library that has saved it, or empty.
func (c *clusterRecovery) decodeShared(p []byte, pid string, received backplane.Position) (s sessionState, node string,
	err error) {
	saved, err := c.shared.form.ParseSession(p)
	switch {
	case err != nil:
		return s, "", err
	case saved.PID != pid || saved.ID == "":
		return s, "", errTakenBefore
	}
	if len(saved.Own) > 0 {
		s, node, err = decodeOwn(saved.Own)
	} else { // rooms have all changes up to when the client was lost; when that was is unknown
		s.began, s.changed = received, received
		s.changed.Offset.Major, s.changed.Offset.Minor = math.MaxUint64, math.MaxUint64
	}
	s.id, s.rooms = saved.ID, saved.Rooms
	switch {
	case err != nil || saved.Data.IsNull():
	case c.log.DecodeData == nil:
		err = saved.Data.Decode(&s.data)
	default:
		s.data, err = c.log.DecodeData(saved.Data)
	}
	return s, node, err
}
