package redisdriver_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

func TestTLS(t *testing.T) {
	server, address, config := redistest.NewTLS(t)
	d := as(t, address, redis.Options{TLSConfig: config})
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")
	server.Do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	passes(t, d, s, "a", "the connection that publishes was replaced")
	server.KillSubscribers(t)
	_, err := end(t, s)
	require.ErrorIs(t, err, redisdriver.ErrDisconnected)

	untrusted := as(t, address, redis.Options{TLSConfig: &tls.Config{RootCAs: x509.NewCertPool()}})
	_, err = untrusted.Open(bounded(t))
	require.ErrorAs(t, err, new(*tls.CertificateVerificationError))
}

// go-redis' dialer for TLS does not look at the context.
func TestTLSHandshakeEndsWithTheContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	d := as(t, silent.Addr().String(), redis.Options{TLSConfig: &tls.Config{}, DialTimeout: 100 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = d.Open(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
