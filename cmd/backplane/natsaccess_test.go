package main_test

import (
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

func TestNATSUsage(t *testing.T) {
	t.Parallel()
	const none = "--nats=nats://u:secret@127.0.0.1:1"
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty")
	require.NoError(t, os.WriteFile(empty, []byte("secret"), 0o600))
	for _, command := range clusterCommands {
		with := func(flags ...string) []string { return append(append([]string{}, command...), flags...) }
		requireUsage(t, "--postgres and --nats: give one of them", with(none, nowhere)...)
		requireUsage(t, "--redis and --nats: give one of them", with(none, "--redis=redis://127.0.0.1:1")...)
		requireUsage(t, "--table needs --postgres URL, not --nats", with(none, "--table", "t")...)
		for flag, value := range map[string]string{
			"--nats-prefix": "p", "--nats-creds": empty, "--nats-ca": empty, "--nats-max-payload": "1",
		} {
			requireUsage(t, flag+" needs --nats URL, not --postgres", with(nowhere, flag, value)...)
		}
		requireUsage(t, "--nats-prefix is empty", with(none, "--nats-prefix", "")...)
		requireUsage(t, "--nats-max-payload must be more than 0", with(none, "--nats-max-payload", "-1")...)
		requireUsage(t, "--nats-creds: ", with(none, "--nats-creds", empty)...)
		requireUsage(t, "no such file", with(none, "--nats-creds", filepath.Join(folder, "missing"))...)
		requireUsage(t, "--nats-ca: "+empty+" has no certificate", with(none, "--nats-ca", empty)...)
		requireUsage(t, "no such file", with(none, "--nats-ca", filepath.Join(folder, "missing"))...)
		requireUsage(t, "--dialect classic needs --redis URL, not --nats", with(none, "--dialect", "classic")...)
		requireUsage(t, "--dialect legacy needs --postgres URL, not --nats", with(none, "--dialect", "legacy")...)
		for _, url := range []string{
			"localhost:4222", "nats://u:secret%zz@127.0.0.1:1", "http://u:secret@127.0.0.1",
			"nats://u:secret/x@127.0.0.1", "nats://127.0.0.1:1/secret", "nats://127.0.0.1:1,",
			"nats://u:secret,x@127.0.0.1", "ws://127.0.0.1:1",
		} {
			requireUsage(t, "--nats must be a URL like nats://user:password@localhost:4222", with("--nats", url)...)
			require.NotContains(t, runHere(t, with("--nats", url)...).stderr, "secret")
		}
	}
}

// A user with a file of credentials, in a URL of a server that has an operator.
func TestNATSCredentials(t *testing.T) {
	t.Parallel()
	operatorKey, err := nkeys.CreateOperator()
	require.NoError(t, err)
	accountKey, err := nkeys.CreateAccount()
	require.NoError(t, err)
	userKey, err := nkeys.CreateUser()
	require.NoError(t, err)
	public := func(key nkeys.KeyPair) string {
		text, err := key.PublicKey()
		require.NoError(t, err)
		return text
	}
	account, err := jwt.NewAccountClaims(public(accountKey)).Encode(operatorKey)
	require.NoError(t, err)
	token, err := jwt.NewUserClaims(public(userKey)).Encode(accountKey)
	require.NoError(t, err)
	seed, err := userKey.Seed()
	require.NoError(t, err)
	content, err := jwt.FormatUserConfig(token, seed)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "app.creds")
	require.NoError(t, os.WriteFile(file, content, 0o600))
	resolver := &server.MemAccResolver{}
	require.NoError(t, resolver.Store(public(accountKey), account))
	_, address := startNATS(t, func(o *server.Options) {
		o.TrustedKeys, o.AccountResolver, o.NoSystemAccount = []string{public(operatorKey)}, resolver, true
	})
	url := "nats://" + address
	require.Zero(t, run(t, "emit", "e", "--nats", url, "--nats-creds", file).code)
	require.Empty(t, problems(doctor(t, 0, "--nats", url, "--nats-creds", file)))
	requireFailure(t, run(t, "emit", "e", "--nats", url), "or the file of --nats-creds")
	found := doctor(t, 1, "--nats", url)
	require.Len(t, found, 1)
	require.Contains(t, found["connection"][1], address+": Authorization Violation")
}

func TestNATSWithTLS(t *testing.T) {
	t.Parallel()
	https := httptest.NewTLSServer(nil) // only for its certificate
	defer https.Close()
	_, address := startNATS(t, func(o *server.Options) {
		o.TLS, o.TLSTimeout = true, patience.Seconds()
		o.TLSConfig = &tls.Config{Certificates: https.TLS.Certificates, MinVersion: tls.VersionTLS12}
	})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: https.Certificate().Raw})
	require.NoError(t, os.WriteFile(ca, text, 0o600))
	url := "tls://" + address
	require.Zero(t, run(t, "emit", "hello", "--nats", url, "--nats-ca", ca).code)
	require.Empty(t, problems(doctor(t, 0, "--nats", url, "--nats-ca", ca)))
	requireFailure(t, run(t, "emit", "hello", "--nats", url), address+": tls: failed to verify certificate: x509: ",
		"give the certificate of its authority with --nats-ca FILE")
}
