package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/backplane-go/backplane/internal/child"
	"github.com/backplane-go/backplane/internal/freeport"
)

// EnvOwn is the environment variable that allows tests to start their own PostgreSQL servers, which they
// restart, if it is 1. make test sets it if PostgreSQL's programs are installed.
const EnvOwn = "BACKPLANE_TEST_POSTGRES_OWN"

// Mode is how a server shuts down.
type Mode syscall.Signal

const (
	// Fast disconnects the clients with an error message first.
	Fast = Mode(syscall.SIGINT)
	// Immediate is a crash: clients are disconnected, and the next start recovers.
	Immediate = Mode(syscall.SIGQUIT)
	// Killed kills the main process of the server, which cannot react. The other processes notice and end.
	Killed = Mode(syscall.SIGKILL)
)

// Server is a temporary PostgreSQL server with default settings, with its own port and folder. It is stopped
// when this process ends, even (on Linux) if this process is killed.
type Server struct {
	bin      string
	folder   string
	settings []string
	env      []string // in addition to those of this process
	port     int
	process  *process
}

// OwnServer starts a server for this test, which may shut it down, and stops it when the test ends. It skips
// the test unless EnvOwn is 1. The settings are those of Start.
func OwnServer(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	if os.Getenv(EnvOwn) != "1" {
		tb.Skip("needs to start its own PostgreSQL: set " + EnvOwn + "=1, or run the tests with make test")
	}
	s, err := Start(context.Background(), settings...)
	if errors.Is(err, ErrNoBinaries) {
		tb.Skip(err.Error())
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Start creates a database cluster in a temporary folder and starts a server on it. It uses the default
// settings, except for those given as "name=value".
func Start(ctx context.Context, settings ...string) (*Server, error) {
	return StartWith(ctx, nil, settings...)
}

// StartWith does what Start does, and gives the server environment variables in addition to those of this process.
func StartWith(ctx context.Context, env []string, settings ...string) (*Server, error) {
	bin, err := Binaries()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, folder: folder, settings: settings, env: env}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := s.up(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return s, nil
}

func (s *Server) create(ctx context.Context) error {
	attributes, err := attributes()
	if err != nil {
		return err
	}
	if err := child.GiveTo(attributes, s.folder); err != nil {
		return err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "--pgdata="+s.data(), "--username=postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = attributes, s.folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: initdb: %w\n%s", err, out)
	}
	return nil
}

// URL returns the URL of the server, for its superuser.
func (s *Server) URL() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

// Exec runs SQL on a new connection.
func (s *Server) Exec(tb testing.TB, sql string) {
	tb.Helper()
	Exec(tb, s.URL(), sql)
}

// Down shuts the server down and waits until it has ended.
func (s *Server) Down(tb testing.TB, mode Mode) {
	tb.Helper()
	if err := s.ShutDown(mode); err != nil {
		tb.Fatal(err)
	}
}

// ShutDown is Down for programs that are not tests.
func (s *Server) ShutDown(mode Mode) error { return s.process.end(syscall.Signal(mode)) }

// Up starts the server again after Down, at the same URL, and waits until it accepts connections.
func (s *Server) Up(tb testing.TB) {
	tb.Helper()
	if err := s.StartUp(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

// StartUp is Up for programs that are not tests. After an error the server is down.
func (s *Server) StartUp(ctx context.Context) error { return s.up(ctx) }

// Restart calls Down and Up.
func (s *Server) Restart(tb testing.TB, mode Mode) {
	tb.Helper()
	s.Down(tb, mode)
	s.Up(tb)
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() error {
	return errors.Join(s.process.end(quit), os.RemoveAll(s.folder))
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// up starts the server, at first on a port that is free.
func (s *Server) up(ctx context.Context) (err error) {
	if s.port != 0 {
		return s.upOnPort(ctx)
	}
	for range 5 { // another process may take the port in the meantime
		if s.port, err = freeport.Get(); err == nil {
			if err = s.upOnPort(ctx); err == nil {
				return nil
			}
		}
	}
	s.port = 0
	return err
}

func (s *Server) upOnPort(ctx context.Context) error {
	attributes, err := attributes()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	server := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-c", "listen_addresses=127.0.0.1",
		"-c", "port="+strconv.Itoa(s.port), "-c", "unix_socket_directories="+s.folder)
	for _, setting := range s.settings {
		server.Args = append(server.Args, "-c", setting)
	}
	server.SysProcAttr, server.Dir = attributes, s.folder
	server.Env = append(os.Environ(), s.env...)
	var log bytes.Buffer // read after the process has ended
	server.Stdout, server.Stderr = &log, &log
	if s.process, err = start(server); err != nil {
		return err
	}
	if err := s.process.waitUntilReady(ctx, s.URL()); err != nil {
		return fmt.Errorf("pgtest: postgres: %w\n%s", errors.Join(err, s.process.end(quit)), log.Bytes())
	}
	return nil
}
