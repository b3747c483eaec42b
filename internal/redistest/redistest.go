// Package redistest provides Redis servers for tests: a server that a test may restart, one with replicas and
// Sentinel, and a Redis Cluster. The servers write nothing to disk.
//
// Without redis-server the tests that need one are skipped. make test installs it.
//
// # Files
//
//   - redistest.go: finding the program
//   - server.go: starting and stopping a server
//   - commands.go: sending commands to a server
//   - signals_unix.go, signals_other.go: the signals that stop a process for a while
//   - sentinel.go: replicas, and Sentinel, which replaces a server by its replica
//   - cluster.go: a Redis Cluster
//   - tls.go: a server with TLS
package redistest

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"
)

// EnvBinary is the environment variable for the path of redis-server or a compatible program. If it is not set,
// redis-server is searched for in the PATH.
const EnvBinary = "BACKPLANE_TEST_REDIS_SERVER"

// ErrNoBinary is returned by Start if redis-server is not installed.
var ErrNoBinary = errors.New("redistest: redis-server not found: install Redis (make setup), or set " + EnvBinary)

// patience limits each step of this package, so that a test fails instead of hanging.
const patience = 30 * time.Second

// Binary returns the path of redis-server, or ErrNoBinary.
func Binary() (string, error) {
	name := os.Getenv(EnvBinary)
	if name == "" {
		name = "redis-server"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", ErrNoBinary
	}
	return path, nil
}

// need skips the test if redis-server is not installed.
func need(tb testing.TB) {
	tb.Helper()
	if _, err := Binary(); err != nil {
		tb.Skip(err.Error())
	}
}

// until calls done until it returns true, and fails the test if it does not.
func until(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("redistest: waited %v for %s", patience, what)
		}
	}
}
