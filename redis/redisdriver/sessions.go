package redisdriver

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/storage"
)

var _ storage.Sessions = (*Driver)(nil)

const (
	// maxSessionText is the maximum length in bytes of a scope, a key and an owner.
	maxSessionText = 255
	// maxScriptSessions is how many sessions a script changes, so that other clients of the server do not wait for
	// long.
	maxScriptSessions = 500
)

// SaveSessions implements storage.Sessions. A script saves up to 500 sessions and 1 MiB.
func (d *Driver) SaveSessions(ctx context.Context, sessions ...storage.SavedSession) error {
	for _, s := range sessions {
		if err := checkSessionText(s.Scope, s.Key, s.Owner); err != nil {
			return err
		}
	}
	for len(sessions) > 0 {
		n, size := 0, 0
		for ; n < len(sessions) && n < maxScriptSessions && sessions[n].Scope == sessions[0].Scope; n++ {
			if size += len(sessions[n].State); n > 0 && size > maxScriptBytes {
				break
			}
		}
		batch := sessions[:n]
		sessions = sessions[n:]
		c := d.sessionsCall(saveScript, batch[0].Scope)
		c.more = 4 * n
		c.appendMore = func(b []byte) []byte {
			for _, s := range batch {
				away := "0"
				if s.Away {
					away = "1"
				}
				b = resp.AppendArg(resp.AppendArg(resp.AppendArg(b, s.Key), s.Owner), away)
				b = resp.AppendArg(b, s.State)
			}
			return b
		}
		if _, err := d.query(ctx, c); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// TakeSession implements storage.Sessions.
func (d *Driver) TakeSession(
	ctx context.Context, scope, key, owner string, maxAway time.Duration,
) (storage.SavedSession, error) {
	if err := checkSessionText(scope, key, owner); err != nil {
		return storage.SavedSession{}, err
	}
	id := rand.Text()
	reply, err := d.query(ctx, d.sessionsCall(takeScript, scope, key, owner, milliseconds(maxAway), id))
	if err == nil && len(reply.Items) == 0 {
		err = storage.ErrNotFound
	}
	taken := reply.Item(0).Text()
	if err == nil && len(taken) <= len(id) {
		err = errMalformed
	}
	if err != nil {
		return storage.SavedSession{}, err
	}
	return storage.SavedSession{Scope: scope, Key: key, Owner: taken[len(id)+1:], Away: taken[len(id)] == '1',
		State: reply.Item(1).Bytes}, nil
}

// RemoveSessions implements storage.Sessions.
func (d *Driver) RemoveSessions(ctx context.Context, scope, owner string, keys ...string) error {
	if err := checkSessionText(append([]string{scope, owner}, keys...)...); err != nil {
		return err
	}
	for len(keys) > 0 {
		n := min(len(keys), maxScriptSessions)
		args := append([]string{owner}, keys[:n]...)
		keys = keys[n:]
		if _, err := d.query(ctx, d.sessionsCall(removeScript, scope, args...)); err != nil {
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
	reply, err := d.query(ctx, d.sessionsCall(ownersScript, scope))
	for _, owner := range reply.Items {
		owners = append(owners, owner.Text())
	}
	return owners, err
}

// AbandonSessions implements storage.Sessions.
func (d *Driver) AbandonSessions(ctx context.Context, scope, owner string) error {
	return d.repeat(ctx, abandonScript, scope, owner)
}

// ExpireSessions implements storage.Sessions. Redis itself removes the session of a client that was away for 7 days.
func (d *Driver) ExpireSessions(ctx context.Context, scope string, maxAway time.Duration) error {
	return d.repeat(ctx, expireScript, scope, milliseconds(maxAway))
}

// repeat calls a script until it returns 0.
func (d *Driver) repeat(ctx context.Context, s *script, scope, arg string) error {
	if err := checkSessionText(scope, arg); err != nil {
		return err
	}
	for {
		reply, err := d.query(ctx, d.sessionsCall(s, scope, arg, strconv.Itoa(maxScriptSessions)))
		if err != nil || reply.Text() == "0" {
			return err
		}
	}
}

func (d *Driver) sessionsCall(s *script, scope string, args ...string) *call {
	return &call{script: s, keys: []string{d.sessionsKey()}, args: append([]string{scope}, args...)}
}

// sessionsKey is what the keys of sessions begin with. They are in the slot of the channels.
func (d *Driver) sessionsKey() string { return d.key + "sessions" }

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(d, 0).Milliseconds(), 10) }

// checkSessionText refuses text that the keys cannot hold.
func checkSessionText(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxSessionText || !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			return fmt.Errorf("redisdriver: a scope, key or owner of a session is not text of up to %d bytes, "+
				"without NUL: %.80q", maxSessionText, text)
		}
	}
	return nil
}
