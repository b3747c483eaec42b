package pgtest

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Encrypted returns a URL at which a database is reachable through TLS only, until the test ends.
func Encrypted(tb testing.TB, database string) string {
	tb.Helper()
	server := httptest.NewTLSServer(nil) // only for its certificate
	certificate := server.TLS.Certificates[0]
	server.Close()
	target, err := pgx.ParseConfig(database)
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var serving sync.WaitGroup
	tb.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				if _, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage(); err != nil {
					tb.Errorf("the request for TLS: %v", err)
					return
				}
				_, _ = conn.Write([]byte("S"))
				plain, err := net.Dial("tcp", net.JoinHostPort(target.Host, fmt.Sprint(target.Port)))
				if err != nil {
					tb.Errorf("Dial: %v", err)
					return
				}
				defer plain.Close()
				secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
				serving.Go(func() {
					_, _ = io.Copy(plain, secure)
					_ = plain.Close()
				})
				_, _ = io.Copy(secure, plain)
			})
		}
	})
	return With(tb, database, func(u *url.URL) {
		u.Host = listener.Addr().String()
		u.RawQuery = "sslmode=require"
	})
}
