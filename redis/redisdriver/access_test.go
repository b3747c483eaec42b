package redisdriver_test

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/auth"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/transport"
)

// as returns a driver whose client has other options than an address, too.
func as(tb testing.TB, address string, options redis.Options) *redisdriver.Driver {
	options.Addr = address
	c := redis.NewClient(&options)
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return closed(tb, redisdriver.New(c))
}

// The ACL that docs/howto/use-redis.md shows is enough.
func TestSmallestACLIsEnough(t *testing.T) {
	server := redistest.New(t)
	server.Do(t, "ACL", "SETUSER", "app", "on", ">secret", "resetchannels", "&{backplane}*", "+publish", "+subscribe",
		"+unsubscribe")
	d := as(t, server.Address(), redis.Options{Username: "app", Password: "secret", ClientName: "node-1"})
	s := listening(t, d, "a")
	passes(t, d, s, "a", "allowed")
	require.NoError(t, s.Unlisten(bounded(t), "a"))
	require.NoError(t, s.Listen(bounded(t), "b"))
	passes(t, d, s, "b", "allowed")
	require.Len(t, server.Subscribers(t), 1)
	require.Contains(t, server.Subscribers(t)[0], " name=node-1 ")
}

// The same on a Redis Cluster, where go-redis has to ask where the slots are.
func TestSmallestACLIsEnoughOnARedisCluster(t *testing.T) {
	cluster := redistest.NewCluster(t)
	for _, node := range cluster.Nodes {
		node.Do(t, "ACL", "SETUSER", "app", "on", ">secret", "resetchannels", "&{backplane}*", "+spublish",
			"+ssubscribe", "+sunsubscribe", "+cluster|slots")
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{cluster.Nodes[0].Address()}, Username: "app", Password: "secret",
	})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	d := closed(t, redisdriver.New(c))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "allowed")
	require.NoError(t, s.Unlisten(bounded(t), "a"))
	cluster.Move(t, tag, cluster.Other(t, tag))
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrMoved)
	passes(t, d, listening(t, d, "a"), "a", "after")
}

func TestDeniedChannelsAreNamed(t *testing.T) {
	server := redistest.New(t)
	server.Do(t, "ACL", "SETUSER", "app", "on", ">secret", "resetchannels", "&{backplane}yes*", "+publish",
		"+subscribe", "+unsubscribe")
	d := as(t, server.Address(), redis.Options{Username: "app", Password: "secret"})
	s := listening(t, d, "yes")

	err := d.Publish(bounded(t), message("yes", "1"), message("yes", "2"), message("no", "3"), message("no", "4"))
	var rejected *transport.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, 2, rejected.Accepted)
	require.ErrorIs(t, err, redisdriver.ErrDenied)
	require.ErrorContains(t, err, "NOPERM")
	var reply redis.Error
	require.ErrorAs(t, err, &reply, "the server's own error is in it")

	err = d.Publish(bounded(t), message("no", "5"), message("yes", "6"))
	require.ErrorIs(t, err, redisdriver.ErrDenied)
	require.False(t, errors.As(err, &rejected), "the second message was sent, the first one was not")
	for _, payload := range []string{"1", "2", "6"} {
		m, err := s.Receive(bounded(t))
		require.NoError(t, err)
		require.Equal(t, payload, string(m.Payload))
	}

	require.ErrorIs(t, s.Listen(bounded(t), "no"), redisdriver.ErrDenied)
	_, err = end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrDenied)
}

// The server disconnects a client that may not listen any more.
func TestRevokedChannelEndsTheSession(t *testing.T) {
	server := redistest.New(t)
	server.Do(t, "ACL", "SETUSER", "app", "on", ">secret", "allchannels", "+@pubsub")
	d := as(t, server.Address(), redis.Options{Username: "app", Password: "secret"})
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")
	server.Do(t, "ACL", "SETUSER", "app", "resetchannels")
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrDisconnected)
	s, err = d.Open(bounded(t))
	require.NoError(t, err)
	require.ErrorIs(t, s.Listen(bounded(t), "a"), redisdriver.ErrDenied)
	require.NoError(t, s.Close(bounded(t)))
}

func TestPasswords(t *testing.T) {
	server := redistest.New(t, "requirepass secret")
	for name, options := range map[string]redis.Options{
		"none": {}, "wrong": {Password: "guessed"}, "wrong user": {Username: "nobody", Password: "secret"},
	} {
		t.Run(name, func(t *testing.T) {
			d := as(t, server.Address(), options)
			_, err := d.Open(bounded(t))
			require.ErrorIs(t, err, redisdriver.ErrAuth)
			err = d.Publish(bounded(t), message("a", "x"))
			require.ErrorIs(t, err, redisdriver.ErrAuth)
			require.ErrorIs(t, err, transport.ErrNotSent)
		})
	}
	right := func() (string, string) { return "default", "secret" }
	for name, options := range map[string]redis.Options{
		"password": {Password: "secret"}, "with a user": {Username: "default", Password: "secret"},
		"provider": {CredentialsProvider: right},
		"provider with context": {CredentialsProviderContext: func(context.Context) (string, string, error) {
			return "", "secret", nil
		}},
		"streaming provider": {StreamingCredentialsProvider: streaming{}},
		"version 2":          {Password: "secret", Protocol: 2},
	} {
		t.Run(name, func(t *testing.T) {
			d := as(t, server.Address(), options)
			passes(t, d, listening(t, d, "a"), "a", "x")
		})
	}
	t.Run("provider without credentials", func(t *testing.T) {
		none := errors.New("none")
		provider := func(context.Context) (string, string, error) { return "", "", none }
		d := as(t, server.Address(), redis.Options{CredentialsProviderContext: provider})
		_, err := d.Open(bounded(t))
		require.ErrorIs(t, err, none)
	})
}

// streaming is a provider that would tell its listeners of new credentials.
type streaming struct{}

func (streaming) Subscribe(auth.CredentialsListener) (auth.Credentials, auth.UnsubscribeFunc, error) {
	return auth.NewBasicCredentials("default", "secret"), func() error { return nil }, nil
}

func TestClientsOfOtherKindsAreRefused(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
	t.Cleanup(func() { require.NoError(t, ring.Close()) })
	d := closed(t, redisdriver.New(ring))
	_, err := d.Open(bounded(t))
	require.ErrorIs(t, err, redisdriver.ErrClient)
	require.ErrorContains(t, err, "*redis.Ring")
	err = d.Publish(bounded(t), message("a", "x"))
	require.ErrorIs(t, err, redisdriver.ErrClient)
	require.ErrorIs(t, err, transport.ErrNotSent)
}

// Clusters with different prefixes do not hear each other, however similar their names are.
func TestPrefixesDoNotCollide(t *testing.T) {
	server := redistest.New(t)
	one := client(t, server.Address())
	names := []struct{ prefix, channel string }{
		{"", "a"}, {"backplane2", "a"}, {"a", "}b"}, {"a}", "b"}, {"a%7D", "b"}, {"{a", "}b"}, {"a", "}}b"}, {"a", "b"},
		{"a", "{a}b"}, {"a}{a", "b"}, {"%", "a"}, {"%25", "a"}, {" ", "*"}, {"*", "*"}, {"[a]", "?"},
	}
	var drivers []*redisdriver.Driver
	var sessions []transport.Session
	for _, n := range names {
		d := closed(t, redisdriver.NewWithConfig(one, redisdriver.Config{Prefix: n.prefix}))
		drivers, sessions = append(drivers, d), append(sessions, listening(t, d, n.channel))
	}
	for i, d := range drivers {
		passes(t, d, sessions[i], names[i].channel, names[i].prefix)
	}
	for i, s := range sessions { // nothing else has arrived: the next message is the next one of its own
		passes(t, drivers[i], s, names[i].channel, "again")
	}
}

func TestTooLargePayloadIsNamed(t *testing.T) {
	d := closed(t, redisdriver.NewWithConfig(client(t, redistest.New(t).Address()),
		redisdriver.Config{MaxPayload: 1000}))
	err := d.Publish(bounded(t), message("a", "fits"), message("a", string(make([]byte, 1001))), message("a", "waits"))
	require.ErrorIs(t, err, redisdriver.ErrTooLarge)
	require.ErrorContains(t, err, "1001 bytes, at most 1000")
	var rejected *transport.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, 1, rejected.Accepted)
	require.Equal(t, transport.Limits{Payload: 1000}, d.Limits())
	require.NoError(t, d.Publish(bounded(t)))
}
