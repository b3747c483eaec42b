package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/internal/child"
	"github.com/backplane-go/backplane/internal/freeport"
)

// The pool modes of PgBouncer, which determine how long a client keeps a server connection.
const (
	PoolSessions     = "session"
	PoolTransactions = "transaction"
)

// NewBouncer starts a PgBouncer in front of a server until the test ends, and returns the URL of the PgBouncer.
// All clients connect as the user of the server's URL. It skips the test if PgBouncer is not installed.
func NewBouncer(tb testing.TB, server, poolMode string, settings ...string) string {
	tb.Helper()
	binary, err := bouncerBinary()
	if err != nil {
		tb.Skip("needs PgBouncer: install it (make setup)")
	}
	folder, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(folder) })
	p, bouncer, err := startBouncer(tb, binary, folder, server, poolMode, settings)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.end(quit); err != nil {
			tb.Error(err)
		}
	})
	return bouncer
}

// bouncerBinary finds pgbouncer in the PATH or in Debian's folder.
func bouncerBinary() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/pgbouncer")
}

func startBouncer(tb testing.TB, binary, folder, server, poolMode string, settings []string) (*process, string, error) {
	port, err := freeport.Get()
	if err != nil {
		return nil, "", err
	}
	target, err := url.Parse(server)
	if err != nil {
		return nil, "", err
	}
	database := fmt.Sprintf("* = host=%s port=%s user=%s", target.Hostname(), target.Port(), target.User.Username())
	if password, ok := target.User.Password(); ok {
		database += " password=" + password
	}
	lines := append([]string{
		"[databases]", database,
		"[pgbouncer]",
		"listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", port), "unix_socket_dir =",
		"auth_type = any", "pool_mode = " + poolMode,
	}, settings...)
	config := filepath.Join(folder, "pgbouncer.ini")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return nil, "", err
	}
	attributes, err := attributes() // PgBouncer refuses to run as root, too
	if err != nil {
		return nil, "", err
	}
	if err := child.GiveTo(attributes, folder); err != nil {
		return nil, "", err
	}
	bouncer := exec.Command(binary, config)
	bouncer.SysProcAttr, bouncer.Dir = attributes, folder
	var log bytes.Buffer // read after the process has ended
	bouncer.Stdout, bouncer.Stderr = &log, &log
	p, err := start(bouncer)
	if err != nil {
		return nil, "", err
	}
	proxied := With(tb, server, func(u *url.URL) { u.Host = fmt.Sprintf("127.0.0.1:%d", port) })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.waitUntilReady(ctx, proxied); err != nil {
		err = errors.Join(err, p.end(quit))
		return nil, "", fmt.Errorf("pgtest: pgbouncer: %w\n%s", err, log.Bytes()[:min(log.Len(), 4096)])
	}
	return p, proxied, nil
}
