package redistest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/internal/freeport"
)

// NewTLS starts a server that also has a port for TLS. It returns the address of that, and the options of a client that
// trusts the server. It skips the test if redis-server is not installed or does not know TLS.
func NewTLS(tb testing.TB) (s *Server, address string, config *tls.Config) {
	tb.Helper()
	need(tb)
	https := httptest.NewTLSServer(nil) // only for its certificate
	certificate, roots := https.TLS.Certificates[0], x509.NewCertPool()
	roots.AddCert(https.Certificate())
	https.Close()
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		tb.Fatal(err)
	}
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	write := func(path, kind string, content []byte) error { // the account of the server is another one
		return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o644)
	}
	err = errors.Join(write(certFile, "CERTIFICATE", certificate.Certificate[0]), write(keyFile, "PRIVATE KEY", key))
	if err != nil {
		tb.Fatal(err)
	}
	port, err := freeport.Get()
	if err != nil {
		tb.Fatal(err)
	}
	s, err = startIn(context.Background(), folder, "tls-port "+strconv.Itoa(port), "tls-cert-file "+certFile,
		"tls-key-file "+keyFile, "tls-ca-cert-file "+certFile, "tls-auth-clients no")
	if err != nil && strings.Contains(err.Error(), "Bad directive") {
		tb.Skip("needs a redis-server with TLS")
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return s, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), &tls.Config{RootCAs: roots}
}
