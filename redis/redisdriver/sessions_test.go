package redisdriver_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/storage"
)

// losingConn loses an answer of the server, and the connection with it.
type losingConn struct {
	net.Conn
	lose *atomic.Bool
}

func (c losingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.lose.CompareAndSwap(true, false) {
		_ = c.Conn.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// losing returns a driver that loses an answer when lose is set.
func losing(tb testing.TB, server *redistest.Server, lose *atomic.Bool) *redisdriver.Driver {
	return as(tb, server.Address(), redis.Options{
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return losingConn{conn, lose}, err
		},
	})
}

// A node whose connection breaks after it has taken a session still gets the session, and nobody else does.
func TestTakingIsRepeatedIfTheAnswerWasLost(t *testing.T) {
	server := redistest.New(t)
	var lose atomic.Bool
	d := losing(t, server, &lose)
	want := storage.SavedSession{Scope: "s", Key: "k", Owner: "one", Away: true, State: []byte("state")}
	require.NoError(t, d.SaveSessions(bounded(t), want))
	lose.Store(true)
	got, err := d.TakeSession(bounded(t), "s", "k", "two", time.Hour)
	require.False(t, lose.Load())
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = d.TakeSession(bounded(t), "s", "k", "three", time.Hour)
	require.ErrorIs(t, err, storage.ErrNotFound)
}

// What was lost on the way back of an Append may have been kept: the driver does not send it again.
func TestAppendingIsNotRepeatedIfTheAnswerWasLost(t *testing.T) {
	server := redistest.New(t)
	var lose atomic.Bool
	d := prepared(t, losing(t, server, &lose))
	begin := appendTo(t, d, "a", "before")[0].Position()
	lose.Store(true)
	err := d.Append(bounded(t), kept("a", "perhaps"))
	require.ErrorIs(t, err, redisdriver.ErrDisconnected)
	appendTo(t, d, "a", "after")
	all, err := replayAll(t, d, "a", begin)
	require.NoError(t, err)
	require.Equal(t, []string{"perhaps", "after"}, payloads(all))
}

// keysOf lists the keys of a server.
func keysOf(tb testing.TB, server *redistest.Server) (keys []string) {
	for _, key := range server.Do(tb, "KEYS", "*").Items {
		keys = append(keys, key.Text())
	}
	return keys
}

// A session that has ended leaves nothing on the server.
func TestSessionsLeaveNothing(t *testing.T) {
	server := redistest.New(t)
	d := closed(t, redisdriver.New(client(t, server.Address())))
	ctx := bounded(t)
	save := func(key, owner string, away bool) {
		saved := storage.SavedSession{Scope: "s", Key: key, Owner: owner, Away: away}
		require.NoError(t, d.SaveSessions(ctx, saved))
	}
	for i := range 1200 {
		save(fmt.Sprint(i), "one", i%3 == 0)
	}
	for i := range 10 {
		_, err := d.TakeSession(ctx, "s", fmt.Sprint(i), "two", time.Hour)
		require.NoError(t, err)
		if i%2 == 0 {
			save(fmt.Sprint(i), "two", i%4 == 0)
		}
	}
	ttl := server.Do(t, "PTTL", "{backplane}sessions:s\x0012").Text()
	require.NotEqual(t, "-1", ttl, "the session of a client that is away ends without any node")
	require.Equal(t, "-1", server.Do(t, "PTTL", "{backplane}sessions:s\x0013").Text())
	for _, owner := range []string{"one", "two"} {
		require.NoError(t, d.AbandonSessions(ctx, "s", owner))
	}
	owners, err := d.SessionOwners(ctx, "s")
	require.NoError(t, err)
	require.Empty(t, owners)
	require.Eventually(t, func() bool {
		require.NoError(t, d.ExpireSessions(ctx, "s", 0))
		return len(keysOf(t, server)) == 0
	}, patience, time.Millisecond)
}
