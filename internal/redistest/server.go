package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-go/backplane/internal/child"
	"github.com/backplane-go/backplane/internal/freeport"
	"github.com/backplane-go/backplane/internal/resp"
)

// Server is a temporary Redis server with its own port. It is stopped when this process ends, even (on Linux) if this
// process is killed.
type Server struct {
	folder   string
	settings []string
	port     int
	process  *child.Process
	log      *bytes.Buffer // of the process; read after it has ended
}

// New starts a server for this test and stops it when the test ends. It skips the test if redis-server is not
// installed. The settings are those of Start.
func New(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	need(tb)
	s, err := Start(context.Background(), settings...)
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

// Start starts a server. It uses the default settings, except for those given as in redis.conf, such as
// "maxclients 100".
func Start(ctx context.Context, settings ...string) (*Server, error) {
	folder, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, err
	}
	return startIn(ctx, folder, settings...)
}

// startIn starts a server with its folder.
func startIn(ctx context.Context, folder string, settings ...string) (*Server, error) {
	s := &Server{folder: folder, settings: settings}
	var err error
	for range 5 { // another process may take the port in the meantime
		if s.port, err = freeport.Get(); err == nil {
			if err = s.up(ctx); err == nil {
				return s, nil
			}
		}
	}
	return nil, errors.Join(err, os.RemoveAll(folder))
}

// Address returns the host and port of the server.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Port returns the port of the server.
func (s *Server) Port() string { return strconv.Itoa(s.port) }

// Down ends the server and waits until it has ended. The server closes the connections of its clients.
func (s *Server) Down(tb testing.TB) {
	tb.Helper()
	if err := s.ShutDown(); err != nil {
		tb.Fatal(err)
	}
}

// ShutDown does what Down does.
func (s *Server) ShutDown() error { return s.process.End(patience, syscall.SIGTERM) }

// Kill ends the server with SIGKILL, as a crash does, and waits until it has ended.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	if err := s.Crash(); err != nil {
		tb.Fatal(err)
	}
}

// Crash does what Kill does.
func (s *Server) Crash() error { return s.process.End(patience) }

// Up starts the server again after Down or Kill, at the same address, and without its data unless its settings say that
// it stores them.
func (s *Server) Up(tb testing.TB) {
	tb.Helper()
	if err := s.StartUp(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

// StartUp does what Up does.
func (s *Server) StartUp(ctx context.Context) error { return s.up(ctx) }

// Freeze stops the process without ending it, as a machine that hangs, until Thaw is called.
func (s *Server) Freeze(tb testing.TB) {
	tb.Helper()
	if err := s.Suspend(); err != nil {
		tb.Fatal(err)
	}
}

// Suspend does what Freeze does.
func (s *Server) Suspend() error { return s.process.Signal(stop) }

// Thaw lets the process continue after Freeze.
func (s *Server) Thaw(tb testing.TB) {
	tb.Helper()
	if err := s.Resume(); err != nil {
		tb.Fatal(err)
	}
}

// Resume does what Thaw does.
func (s *Server) Resume() error { return s.process.Signal(resume) }

// Folder returns the folder in which the server stores its data.
func (s *Server) Folder() string { return s.folder }

// StartCopy starts another server with the same settings and a copy of the data that this one, which is not running,
// has stored.
func (s *Server) StartCopy(ctx context.Context) (*Server, error) {
	folder, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, err
	}
	attributes, err := child.Unprivileged(syscall.SIGKILL, accounts...)
	if err == nil {
		err = os.CopyFS(folder, os.DirFS(s.folder))
	}
	if err == nil {
		err = filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, child.GiveTo(attributes, path))
		})
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return startIn(ctx, folder, s.settings...)
}

// accounts are those that run the server if this process is root's.
var accounts = []string{"redis", "nobody"}

// Stop ends the server and removes its folder.
func (s *Server) Stop() error {
	return errors.Join(s.process.End(patience), os.RemoveAll(s.folder))
}

func (s *Server) up(ctx context.Context) error {
	args := []string{"--port", s.Port(), "--bind", "127.0.0.1", "--dir", s.folder, "--save", "", "--appendonly", "no",
		"--repl-diskless-sync-delay", "0"}
	for _, setting := range s.settings {
		name, value, _ := strings.Cut(setting, " ")
		args = append(append(args, "--"+name), strings.Fields(value)...)
	}
	return s.run(ctx, args...)
}

// run starts the program and waits until it answers.
func (s *Server) run(ctx context.Context, args ...string) error {
	binary, err := Binary()
	if err != nil {
		return err
	}
	attributes, err := child.Unprivileged(syscall.SIGKILL, accounts...)
	if err != nil {
		return err
	}
	if err := child.GiveTo(attributes, s.folder); err != nil {
		return err
	}
	cmd := exec.Command(binary, args...)
	cmd.SysProcAttr, cmd.Dir = attributes, s.folder
	s.log = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if s.process, err = child.Start(cmd); err != nil {
		return err
	}
	if err := s.waitUntilReady(ctx); err != nil {
		err = errors.Join(err, s.process.End(patience))
		return fmt.Errorf("redistest: redis-server: %w\n%s", err, s.log)
	}
	return nil
}

// waitUntilReady waits until the server answers, even if only that a password is required, and has loaded its data.
func (s *Server) waitUntilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		v, err := Do(ctx, s.Address(), "PING")
		if err == nil {
			err = v.Err()
			if loading := new(resp.Error); !errors.As(err, &loading) || loading.Code() != "LOADING" {
				return nil
			}
		}
		select {
		case <-s.process.Done():
			return errors.Join(fmt.Errorf("the program has ended: %w", s.process.Err()), err)
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
