package natsdriver_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

// user has a password and permissions for subjects.
func user(name string, subjects ...string) *server.User {
	u := &server.User{Username: name, Password: "secret"}
	if len(subjects) > 0 {
		u.Permissions = &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: subjects},
			Subscribe: &server.SubjectPermission{Allow: subjects},
		}
	}
	return u
}

// works requires that messages pass.
func works(t *testing.T, d *natsdriver.Driver) {
	t.Helper()
	s := listening(t, closed(t, d), "a b")
	passes(t, d, s, "a b", "hello")
	require.NoError(t, s.Unlisten(bounded(t), "a b"))
}

// refuses requires that the server does not accept the credentials.
func refuses(t *testing.T, d *natsdriver.Driver) {
	t.Helper()
	_, err := closed(t, d).Open(bounded(t))
	require.ErrorIs(t, err, natsdriver.ErrAuth)
	require.ErrorAs(t, err, new(*natsdriver.ServerError))
	err = d.Publish(bounded(t), message("a", "x"))
	require.ErrorIs(t, err, natsdriver.ErrAuth)
	require.ErrorIs(t, err, transport.ErrNotSent)
}

func TestPasswords(t *testing.T) {
	s := natstest.New(t, func(o *server.Options) { o.Users = []*server.User{user("app")} })
	works(t, natsdriver.New("nats://app:secret@"+s.Address()))
	works(t, natsdriver.New(s.URL(), nats.UserInfo("app", "secret")))
	works(t, natsdriver.New(s.URL(), nats.UserInfoHandler(func() (string, string) { return "app", "secret" })))
	refuses(t, natsdriver.New(s.URL()))
	refuses(t, natsdriver.New("nats://app:guessed@"+s.Address()))
}

func TestTokens(t *testing.T) {
	s := natstest.New(t, func(o *server.Options) { o.Authorization = "token" })
	works(t, natsdriver.New("nats://token@"+s.Address()))
	works(t, natsdriver.New(s.URL(), nats.Token("token")))
	works(t, natsdriver.New(s.URL(), nats.TokenHandler(func() string { return "token" })))
	refuses(t, natsdriver.New(s.URL(), nats.Token("guessed")))
}

func TestNkeys(t *testing.T) {
	key, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err := key.PublicKey()
	require.NoError(t, err)
	s := natstest.New(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
	works(t, natsdriver.New(s.URL(), nats.Nkey(public, key.Sign)))
	other, err := nkeys.CreateUser()
	require.NoError(t, err)
	refuses(t, natsdriver.New(s.URL(), nats.Nkey(public, other.Sign)))
}

// A user of an account, with a file of credentials.
func TestCredentials(t *testing.T) {
	operator, operatorKey := pair(t, nkeys.CreateOperator)
	account, accountKey := pair(t, nkeys.CreateAccount)
	name, userKey := pair(t, nkeys.CreateUser)
	accountToken, err := jwt.NewAccountClaims(account).Encode(operatorKey)
	require.NoError(t, err)
	userToken, err := jwt.NewUserClaims(name).Encode(accountKey)
	require.NoError(t, err)
	seed, err := userKey.Seed()
	require.NoError(t, err)
	content, err := jwt.FormatUserConfig(userToken, seed)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "app.creds")
	require.NoError(t, os.WriteFile(file, content, 0o600))

	resolver := &server.MemAccResolver{}
	require.NoError(t, resolver.Store(account, accountToken))
	s := natstest.New(t, func(o *server.Options) {
		o.TrustedKeys, o.AccountResolver = []string{operator}, resolver
	})
	works(t, natsdriver.New(s.URL(), nats.UserCredentials(file)))
	refuses(t, natsdriver.New(s.URL()))
	missing := closed(t, natsdriver.New(s.URL(), nats.UserCredentials(file+"2")))
	_, err = missing.Open(bounded(t))
	require.ErrorIs(t, err, natsdriver.ErrOptions)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func pair(t *testing.T, create func() (nkeys.KeyPair, error)) (public string, key nkeys.KeyPair) {
	key, err := create()
	require.NoError(t, err)
	public, err = key.PublicKey()
	require.NoError(t, err)
	return public, key
}

// The permissions that docs/howto/use-nats.md shows are enough, in a cluster of servers too.
func TestSmallestPermissionsAreEnough(t *testing.T) {
	c := natstest.NewCluster(t, func(o *server.Options) {
		o.Users = []*server.User{user("app", "backplane.*"), user("shop", "shop.eu.*")}
	})
	works(t, natsdriver.New("nats://app:secret@"+c.Servers[0].Address()))
	works(t, natsdriver.NewWithConfig(natsdriver.Config{Prefix: "shop.eu"}, c.Servers[1].URL(),
		nats.UserInfo("shop", "secret")))
}

// A violation names the subject and the permission.
func TestDeniedSubjectsAreNamed(t *testing.T) {
	server := natstest.New(t, func(o *server.Options) {
		o.Users = []*server.User{user("app", "backplane.yes")}
	})
	d := closed(t, natsdriver.New("nats://app:secret@"+server.Address()))
	s := listening(t, d, "yes")
	err := d.Publish(bounded(t), message("yes", "1"), message("yes", "2"), message("no", "3"), message("n.o", "4"))
	var rejected *transport.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, 2, rejected.Accepted)
	require.ErrorIs(t, err, natsdriver.ErrDenied)
	var denied *natsdriver.PermissionError
	require.ErrorAs(t, err, &denied)
	require.Equal(t, natsdriver.PermissionError{Permission: "publish", Subject: "backplane.no"}, *denied)

	err = d.Publish(bounded(t), message("no", "5"), message("yes", "6"))
	require.ErrorIs(t, err, natsdriver.ErrDenied)
	require.False(t, errors.As(err, &rejected), "the second message was sent, the first one was not")
	for _, payload := range []string{"1", "2", "6"} {
		m, err := s.Receive(bounded(t))
		require.NoError(t, err)
		require.Equal(t, payload, string(m.Payload))
	}

	err = s.Listen(bounded(t), "no")
	require.ErrorAs(t, err, &denied)
	require.Equal(t, natsdriver.PermissionError{Permission: "subscribe", Subject: "backplane.no"}, *denied)
	require.ErrorContains(t, err, `the permission "subscribe" does not allow the subject "backplane.no"`)
	_, err = end(t, s)
	require.ErrorIs(t, err, natsdriver.ErrDenied)
}

func TestTLS(t *testing.T) {
	server, config := natstest.NewTLS(t, nil)
	works(t, natsdriver.New(server.URL(), nats.Secure(config)))
	works(t, natsdriver.New("tls://"+server.Address(), nats.Secure(config)))

	untrusted := closed(t, natsdriver.New(server.URL(), nats.Secure(&tls.Config{RootCAs: x509.NewCertPool()})))
	_, err := untrusted.Open(bounded(t))
	require.ErrorAs(t, err, new(*tls.CertificateVerificationError))

	d := closed(t, natsdriver.New(server.URL(), nats.Secure(config)))
	s := listening(t, d, "a")
	passes(t, d, s, "a", "before")
	server.Down(t)
	_, err = end(t, s)
	require.ErrorIs(t, err, natsdriver.ErrDisconnected)
	server.Up(t)
	passes(t, d, listening(t, d, "a"), "a", "after")
}

func TestTLSFirst(t *testing.T) {
	server, config := natstest.NewTLS(t, func(o *server.Options) { o.TLSHandshakeFirst = true })
	works(t, natsdriver.New(server.URL(), nats.Secure(config), nats.TLSHandshakeFirst()))
}

func TestServerWithoutTLSIsRefused(t *testing.T) {
	d := closed(t, natsdriver.New("tls://"+natstest.New(t, nil).Address()))
	_, err := d.Open(bounded(t))
	require.ErrorIs(t, err, natsdriver.ErrTLS)
}

// A server that accepts connections and says nothing keeps nobody waiting.
func TestSilentServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	d := closed(t, natsdriver.New(silent.Addr().String(), nats.Timeout(50*time.Millisecond)))
	_, err = d.Open(bounded(t))
	require.Error(t, err)
	require.NoError(t, bounded(t).Err())
}

func TestUnusableOptionsAreErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, d := range map[string]*natsdriver.Driver{
		"scheme":  natsdriver.New("ws://localhost"),
		"URL":     natsdriver.New("nats://user:secret@local host"),
		"option":  natsdriver.New("", func(*nats.Options) error { return broken }),
		"another": natsdriver.New("localhost:1", nats.RootCAs("/does/not/exist")),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := closed(t, d).Open(bounded(t))
			if name != "another" {
				require.ErrorIs(t, err, natsdriver.ErrOptions)
			}
			require.Error(t, err)
			require.NotContains(t, err.Error(), "secret")
			require.ErrorIs(t, d.Publish(bounded(t), message("a", "x")), transport.ErrNotSent)
		})
	}
}

func TestMaxPayload(t *testing.T) {
	server := natstest.New(t, func(o *server.Options) { o.MaxPayload = 64 << 10 })
	d := closed(t, natsdriver.New(server.URL()))
	_, err := d.Open(bounded(t))
	require.ErrorIs(t, err, natsdriver.ErrMaxPayload)
	require.ErrorContains(t, err, "65536 bytes")
	require.ErrorIs(t, d.Publish(bounded(t), message("a", "x")), natsdriver.ErrMaxPayload)

	d = closed(t, natsdriver.NewWithConfig(natsdriver.Config{MaxPayload: 64 << 10}, server.URL()))
	s := listening(t, d, "a")
	passes(t, d, s, "a", strings.Repeat("x", 64<<10))
	large := message("a", strings.Repeat("x", 64<<10+1))
	err = d.Publish(bounded(t), message("a", "fits"), large, message("a", "waits"))
	require.ErrorIs(t, err, natsdriver.ErrTooLarge)
	require.ErrorContains(t, err, "65537 bytes, at most 65536")
	var rejected *transport.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.Equal(t, 1, rejected.Accepted)
	require.NoError(t, d.Publish(bounded(t)))
}

// An existing connection lends its options.
func TestOptionsOfAConnection(t *testing.T) {
	server := natstest.New(t, func(o *server.Options) { o.Users = []*server.User{user("app")} })
	nc, err := nats.Connect(server.URL(), nats.UserInfo("app", "secret"), nats.Name("node-1"))
	require.NoError(t, err)
	defer nc.Close()
	works(t, natsdriver.New("", func(o *nats.Options) error { *o = nc.Opts; return nil }))
}

// Inside the process no port is needed.
func TestInProcessServer(t *testing.T) {
	s := natstest.New(t, func(o *server.Options) { o.DontListen = true })
	works(t, natsdriver.New("", nats.InProcessServer(s.Running())))
}
