package natstest

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// NewTLS starts a server that requires TLS. It returns the options of a client that trusts the server. change is that
// of New.
func NewTLS(tb testing.TB, change func(o *server.Options)) (*Server, *tls.Config) {
	tb.Helper()
	https := httptest.NewTLSServer(nil) // only for its certificate
	defer https.Close()
	roots := x509.NewCertPool()
	roots.AddCert(https.Certificate())
	s := New(tb, func(o *server.Options) {
		o.TLS, o.TLSTimeout = true, patience.Seconds()
		o.TLSConfig = &tls.Config{Certificates: https.TLS.Certificates, MinVersion: tls.VersionTLS12}
		if change != nil {
			change(o)
		}
	})
	return s, &tls.Config{RootCAs: roots}
}
