package redisdriver_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

func TestKilledConnectionEndsTheSession(t *testing.T) {
	server := redistest.New(t)
	d := closed(t, redisdriver.New(client(t, server.Address())))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")

	require.NoError(t, d.Publish(bounded(t), message("a", "last")))
	server.KillSubscribers(t)
	before, err := end(t, s)
	require.Equal(t, []transport.Message{message("a", "last")}, before)
	require.ErrorIs(t, err, redisdriver.ErrDisconnected)
	require.ErrorIs(t, err, io.EOF)

	passes(t, d, listening(t, d, "a"), "a", "after")
}

// The connection that publishes was killed between two messages: that is no outage.
func TestKilledPublisherIsReplaced(t *testing.T) {
	server := redistest.New(t)
	d := closed(t, redisdriver.New(client(t, server.Address())))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")
	server.Do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	passes(t, d, s, "a", "after")
}

func TestRestartEndsTheSession(t *testing.T) {
	server := redistest.New(t)
	d := closed(t, redisdriver.New(client(t, server.Address())))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")

	server.Down(t)
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrDisconnected)
	require.ErrorIs(t, d.Publish(bounded(t), message("a", "during")), transport.ErrNotSent)
	_, err = d.Open(bounded(t))
	require.Error(t, err)

	server.Up(t)
	passes(t, d, listening(t, d, "a"), "a", "after")
}

// The server drops what it cannot send. The session has what came before that, and then ends.
func TestFullOutputBufferEndsTheSession(t *testing.T) {
	server := redistest.New(t, "client-output-buffer-limit pubsub 1mb 0 0")
	sessions := proxy.Start(t, server.Address())
	d := closed(t, redisdriver.NewWithClients(client(t, sessions.Address()), client(t, server.Address()),
		redisdriver.Config{}))
	s := listening(t, d, "a")
	resume := proxy.Stall(sessions)
	sent := 0
	for ; len(server.Subscribers(t)) > 0; sent++ {
		payload := fmt.Sprint(sent, " ", strings.Repeat("x", 256<<10))
		require.NoError(t, d.Publish(bounded(t), message("a", payload)))
	}
	require.NoError(t, d.Publish(bounded(t), message("a", "lost")))
	resume()

	before, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrDisconnected)
	require.Less(t, len(before), sent)
	for i, m := range before {
		require.True(t, strings.HasPrefix(string(m.Payload), fmt.Sprint(i, " ")), "message %d", i)
	}
}

// A replica hears what its primary publishes, until it does not.
func TestServerThatBecomesAReplicaEndsTheSession(t *testing.T) {
	server := redistest.New(t)
	d := closed(t, redisdriver.NewWithConfig(client(t, server.Address()), fast))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")

	server.Follow(t, redistest.New(t))
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrReplica)
	err = d.Publish(bounded(t), message("a", "not sent"))
	require.ErrorIs(t, err, redisdriver.ErrReplica)
	require.ErrorIs(t, err, transport.ErrNotSent, "a session has noticed before")
	_, err = d.Open(bounded(t))
	require.ErrorIs(t, err, redisdriver.ErrReplica)

	server.Do(t, "REPLICAOF", "NO", "ONE")
	passes(t, d, listening(t, d, "a"), "a", "after")
}

// Only the sessions of a replica hear what is published on it.
func TestPublishToAReplicaIsAnError(t *testing.T) {
	server := redistest.New(t)
	d := closed(t, redisdriver.New(client(t, server.Address())))
	require.NoError(t, d.Publish(bounded(t), message("a", "before")))

	server.Follow(t, redistest.New(t))
	err := d.Publish(bounded(t), message("a", "to a replica"))
	require.ErrorIs(t, err, redisdriver.ErrReplica)
	require.NotErrorIs(t, err, transport.ErrNotSent)
	err = d.Publish(bounded(t), message("a", "not sent"))
	require.ErrorIs(t, err, redisdriver.ErrReplica)
	require.ErrorIs(t, err, transport.ErrNotSent)

	server.Do(t, "REPLICAOF", "NO", "ONE")
	passes(t, d, listening(t, d, "a"), "a", "after")
}

// A server that hangs does not close its connections.
func TestSilentServerEndsTheSession(t *testing.T) {
	server := redistest.New(t)
	d := closed(t, redisdriver.NewWithConfig(client(t, server.Address()),
		redisdriver.Config{CheckInterval: 200 * time.Millisecond}))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")

	server.Freeze(t)
	_, err := end(t, s)
	require.ErrorIs(t, err, broker.ErrSilent)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, d.Publish(ctx, message("a", "perhaps")), context.DeadlineExceeded)

	server.Thaw(t)
	s = listening(t, d, "b")
	passes(t, d, s, "b", "after")
}
