package redisdriver_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// logCommands are what docs/howto/use-redis.md allows for a log and sessions, besides publish, subscribe and
// unsubscribe.
const logCommands = "+eval +evalsha +info +time +hget +hmget +hset +hdel +hincrby +zadd +zrem +zrange +zrangebyscore " +
	"+xadd +xrange +xrevrange +xtrim +sadd +srem +scard +smembers +srandmember +pexpire +persist +del +unlink"

// allow gives the user app these commands, on the keys and channels of the default prefix.
func allow(tb testing.TB, server *redistest.Server, commands string, more ...string) {
	tb.Helper()
	rules := append([]string{"ACL", "SETUSER", "app", "reset", "on", ">secret", "resetchannels", "&{backplane}*",
		"~{backplane}*"}, append(strings.Fields(commands), more...)...)
	server.Do(tb, rules...)
}

// usesEverything requires that a log and sessions work, and that nothing was denied in between.
func usesEverything(tb testing.TB, d *redisdriver.Driver) {
	tb.Helper()
	require.NoError(tb, d.PrepareLog(bounded(tb)))
	require.NoError(tb, d.PrepareSessions(bounded(tb)))
	s := hears(tb, d, "a")
	sent := appendTo(tb, d, "a", "1", "2", "3")
	for _, want := range sent {
		got, err := s.ReceiveRecord(bounded(tb))
		require.NoError(tb, err)
		require.Equal(tb, want, got)
	}
	got, err := replayAll(tb, d, "a", sent[0].Position())
	require.NoError(tb, err)
	require.Equal(tb, sent[1:], got)
	latest, err := d.Latest(bounded(tb), "a", sent[2].Offset, transport.ReadLimit{})
	require.NoError(tb, err)
	require.Equal(tb, sent[:2], latest)
	appendTo(tb, d, "a", "4")
	require.NoError(tb, d.TrimLog(bounded(tb), transport.Retention{MaxBytes: 150}))
	require.NoError(tb, d.TrimLog(bounded(tb), transport.Retention{MaxBytes: 1}))
	require.Equal(tb, uint64(4), bounds(tb, d, "a").Trimmed.Major)

	ctx := bounded(tb)
	require.NoError(tb, d.SaveSessions(ctx, storage.SavedSession{Scope: "s", Key: "1", Owner: "o"},
		storage.SavedSession{Scope: "s", Key: "2", Owner: "o", Away: true}))
	for _, key := range []string{"1", "2"} {
		_, err = d.TakeSession(ctx, "s", key, "p", time.Hour)
		require.NoError(tb, err)
	}
	require.NoError(tb, d.SaveSessions(ctx, storage.SavedSession{Scope: "s", Key: "1", Owner: "p"}))
	owners, err := d.SessionOwners(ctx, "s")
	require.NoError(tb, err)
	require.Equal(tb, []string{"p"}, owners)
	require.NoError(tb, d.RemoveSessions(ctx, "s", "p", "1"))
	require.NoError(tb, d.AbandonSessions(ctx, "s", "p"))
	require.NoError(tb, d.ExpireSessions(ctx, "s", time.Hour))
	require.NoError(tb, d.Close(ctx))
}

func TestACLOfALogIsEnough(t *testing.T) {
	server := redistest.New(t)
	allow(t, server, logCommands, "+publish", "+subscribe", "+unsubscribe")
	usesEverything(t, as(t, server.Address(), redis.Options{Username: "app", Password: "secret"}))
}

// Each command that is missing is named when the cluster starts.
func TestDeniedCommandsOfALogAreNamed(t *testing.T) {
	server := redistest.New(t)
	for _, command := range append(strings.Fields(logCommands), "+publish") {
		name := strings.ToUpper(command[1:])
		t.Run(name, func(t *testing.T) {
			allow(t, server, logCommands, "+publish", "+subscribe", "+unsubscribe", "-"+strings.ToLower(name))
			d := as(t, server.Address(), redis.Options{Username: "app", Password: "secret"})
			err := d.PrepareLog(bounded(t))
			if err == nil {
				err = d.PrepareSessions(bounded(t))
			}
			require.ErrorIs(t, err, redisdriver.ErrDenied)
			require.ErrorContains(t, err, "redisdriver: "+name+" ")
		})
	}
}

// To describe the log, its script calls commands that nodes do not need.
func TestDeniedCommandsOfAScript(t *testing.T) {
	server := redistest.New(t)
	d := as(t, server.Address(), redis.Options{Username: "app", Password: "secret"})
	for _, allowed := range []string{"", "+hgetall", "+memory|usage"} {
		allow(t, server, logCommands, append([]string{"+publish"}, strings.Fields(allowed)...)...)
		appendTo(t, d, "a", "x")
		_, err := d.InspectLog(bounded(t), "")
		require.ErrorIs(t, err, redisdriver.ErrDenied, allowed)
	}
	allow(t, server, logCommands, "+publish", "+hgetall", "+memory|usage")
	info, err := d.InspectLog(bounded(t), "")
	require.NoError(t, err)
	require.Len(t, info.Channels, 1)
}

func TestDeniedKeysOfALogAreNamed(t *testing.T) {
	server := redistest.New(t)
	server.Do(t, "ACL", "SETUSER", "app", "on", ">secret", "allchannels", "+@all", "~{shop}*")
	d := as(t, server.Address(), redis.Options{Username: "app", Password: "secret"})
	for key, prepare := range map[string]func(context.Context) error{
		"{backplane}log.probe": d.PrepareLog, "{backplane}sessions.probe": d.PrepareSessions,
	} {
		err := prepare(bounded(t))
		require.ErrorIs(t, err, redisdriver.ErrDenied)
		require.ErrorContains(t, err, key)
	}
	_, err := d.Bounds(bounded(t), "a")
	require.ErrorIs(t, err, redisdriver.ErrDenied)
	err = d.Append(bounded(t), kept("a", "x"))
	require.ErrorIs(t, err, redisdriver.ErrDenied)
	require.ErrorIs(t, err, transport.ErrNotSent)
}
