package engine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
)

var _ storage.Sessions = (*Sessions)(nil)

// maxSessionText is the maximum length in bytes of a scope, a key and an owner.
const maxSessionText = 255

// Sessions is the storage.Sessions of both drivers.
type Sessions struct {
	pool         Pool
	setup        setup
	name         string // the table as it is written in SQL
	owner        string // a role that may also own the table
	noAutoCreate bool
	err          error // of the table's name
	sql          sessionStatements
}

func newSessions(pool Pool, config postgres.Config) *Sessions {
	table := config.SessionsTable
	if table == "" {
		table = postgres.DefaultSessionsTable
		if schema, _, qualified := strings.Cut(tableOf(config), "."); qualified {
			table = schema + "." + table
		}
	}
	s := &Sessions{pool: pool, owner: config.TableOwner, noAutoCreate: config.NoAutoCreate,
		setup: setup{pool: pool, table: table, grants: postgres.SessionsGrants}}
	s.name, s.err = postgres.QuoteTable(table)
	bytes, _ := pool.Bytes(nil)
	s.sql = newSessionStatements(s.name, bytes)
	return s
}

// SaveSessions implements storage.Sessions.
func (s *Sessions) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	if s.err != nil {
		return s.err
	}
	for _, one := range sessions {
		if err := checkSessionText(one.Scope, one.Key, one.Owner); err != nil {
			return err
		}
	}
	for len(sessions) > 0 {
		var batch []storage.SavedSession
		batch, sessions = sessionBatch(sessions)
		if err := s.save(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// sessionBatch returns the sessions for the next statement, which can save each session once. Of several saves by one
// owner, the last one remains.
func sessionBatch(sessions []storage.SavedSession) (batch, rest []storage.SavedSession) {
	type id struct{ scope, key string }
	places := make(map[id]int)
	size := 0
	for i, one := range sessions {
		size += len(one.State)
		place, again := places[id{one.Scope, one.Key}]
		switch {
		case again && batch[place].Owner == one.Owner:
			batch[place] = one
			continue
		case again, i > 0 && size > maxRoundBytes, len(batch) == maxBatchItems:
			return batch, sessions[i:]
		}
		places[id{one.Scope, one.Key}] = len(batch)
		batch = append(batch, one)
	}
	return batch, nil
}

func (s *Sessions) save(ctx context.Context, batch []storage.SavedSession) error {
	scopes, keys, owners, away := []byte{'{'}, []byte{'{'}, []byte{'{'}, []byte{'{'}
	for i, one := range batch {
		scopes = appendElement(scopes, i, one.Scope)
		keys = appendElement(keys, i, one.Key)
		owners = appendElement(owners, i, one.Owner)
		away = appendElement(away, i, fmt.Sprint(one.Away))
	}
	states, lengths := concatenate(len(batch), func(i int) []byte { return batch[i].State })
	_, arg := s.pool.Bytes(states)
	args := []any{arg, lengths, string(append(scopes, '}')), string(append(keys, '}')), string(append(owners, '}')),
		string(append(away, '}'))}
	return s.exec(ctx, s.sql.save, args...)
}

// TakeSession implements storage.Sessions.
func (s *Sessions) TakeSession(
	ctx context.Context, scope, key, owner string, maxAway time.Duration,
) (storage.SavedSession, error) {
	if err := s.check(scope, key, owner); err != nil {
		return storage.SavedSession{}, err
	}
	id := rand.Text()
	var taken string
	session := storage.SavedSession{Scope: scope, Key: key}
	found, err := retry(ctx, s.mayRepeat, func() (bool, error) {
		return s.pool.QueryRow(ctx, s.sql.take, []any{scope, key, owner, max(maxAway, 0).Seconds(), id},
			&taken, &session.State)
	})
	if err == nil && !found {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.SavedSession{}, err
	}
	away, before := taken[len(id)], taken[len(id)+1:]
	session.Owner, session.Away = before, away == '1'
	return session, nil
}

// RemoveSessions implements storage.Sessions.
func (s *Sessions) RemoveSessions(ctx context.Context, scope, owner string, keys ...string) error {
	if err := s.check(append([]string{scope, owner}, keys...)...); err != nil || len(keys) == 0 {
		return err
	}
	list := []byte{'{'}
	for i, key := range keys {
		list = appendElement(list, i, key)
	}
	return s.exec(ctx, s.sql.remove, scope, owner, string(append(list, '}')))
}

// SessionOwners implements storage.Sessions.
func (s *Sessions) SessionOwners(ctx context.Context, scope string) ([]string, error) {
	if err := s.check(scope); err != nil {
		return nil, err
	}
	list, err := retry(ctx, s.mayRepeat, func() (list string, err error) {
		_, err = s.pool.QueryRow(ctx, s.sql.owners, []any{scope}, &list)
		return list, err
	})
	if err != nil {
		return nil, err
	}
	var owners []string
	err = json.Unmarshal([]byte(list), &owners)
	return owners, err
}

// AbandonSessions implements storage.Sessions.
func (s *Sessions) AbandonSessions(ctx context.Context, scope, owner string) error {
	if err := s.check(scope, owner); err != nil {
		return err
	}
	return s.exec(ctx, s.sql.abandon, scope, owner)
}

// ExpireSessions implements storage.Sessions.
func (s *Sessions) ExpireSessions(ctx context.Context, scope string, maxAway time.Duration) error {
	if err := s.check(scope); err != nil {
		return err
	}
	return s.exec(ctx, s.sql.expire, scope, max(maxAway, 0).Seconds())
}

// exec runs a statement that can be repeated.
func (s *Sessions) exec(ctx context.Context, statement string, args ...any) error {
	_, err := retry(ctx, s.mayRepeat, func() (struct{}, error) {
		return struct{}{}, s.pool.Exec(ctx, statement, args...)
	})
	return err
}

// mayRepeat reports whether a call that failed can succeed when it is repeated. If the transactions of the pool are
// stricter than READ COMMITTED by default, one that has waited for another one fails.
func (s *Sessions) mayRepeat(err error) bool {
	return s.pool.IsBroken(err) || sqlState(err) == serializationFailure || sqlState(err) == deadlockDetected
}

func (s *Sessions) check(texts ...string) error {
	if s.err != nil {
		return s.err
	}
	return checkSessionText(texts...)
}

// checkSessionText refuses text that the table cannot hold, before the server refuses all sessions of a statement.
func checkSessionText(texts ...string) error {
	for _, text := range texts {
		switch {
		case len(text) > maxSessionText:
			return fmt.Errorf("postgres: a scope, key or owner of a session has %d bytes, the maximum is %d",
				len(text), maxSessionText)
		case !isText(text):
			return fmt.Errorf("postgres: a scope, key or owner of a session is not valid UTF-8 without NUL: %q", text)
		}
	}
	return nil
}
