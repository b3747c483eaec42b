package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/backplane-go/backplane/internal/child"
)

// Replica starts a hot standby that follows the server by streaming replication and answers read-only queries.
// The standby is stopped when the test ends. Replica skips the test if pg_basebackup is not installed.
func (s *Server) Replica(tb testing.TB) *Server {
	tb.Helper()
	r := s.Backup(tb, "--write-recovery-conf")
	r.Up(tb)
	return r
}

// Promote makes a standby a server of its own, and returns when it accepts writes.
func (s *Server) Promote(tb testing.TB) {
	tb.Helper()
	s.Exec(tb, "DO $$ BEGIN ASSERT pg_promote(); END $$")
}

// Backup copies the data of the running server with pg_basebackup and its options. It returns the copy, a server that
// is down and has no URL yet. It is stopped when the test ends. Backup skips the test if pg_basebackup is not
// installed.
func (s *Server) Backup(tb testing.TB, options ...string) *Server {
	tb.Helper()
	s.NeedBackup(tb)
	folder, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		tb.Fatal(err)
	}
	r := &Server{bin: s.bin, folder: folder, settings: s.settings}
	tb.Cleanup(func() {
		if err := errors.Join(r.process.end(quit), os.RemoveAll(folder)); err != nil {
			tb.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.copyOf(ctx, s, options); err != nil {
		tb.Fatal(err)
	}
	return r
}

// NeedBackup skips the test if pg_basebackup is not installed.
func (s *Server) NeedBackup(tb testing.TB) {
	tb.Helper()
	if !isFile(filepath.Join(s.bin, basebackup)) {
		tb.Skip("needs " + basebackup + ", which is not in " + s.bin)
	}
}

// RecoverTo makes a backup that is down recover, when it is started, to a restore point of the server that it is of,
// which pg_create_restore_point has created. It reads the write-ahead log in the folder of that server, and accepts
// writes then.
func (s *Server) RecoverTo(tb testing.TB, from *Server, point string) {
	tb.Helper()
	signal := filepath.Join(s.data(), "recovery.signal")
	attributes, err := attributes()
	if err == nil {
		err = os.WriteFile(signal, nil, 0o600)
	}
	if err == nil {
		err = child.GiveTo(attributes, signal)
	}
	if err != nil {
		tb.Fatal(err)
	}
	s.settings = append(s.settings[:len(s.settings):len(s.settings)], "recovery_target_name="+point,
		"recovery_target_action=promote", "restore_command=cp '"+filepath.Join(from.data(), "pg_wal")+"/%f' '%p'")
}

const basebackup = "pg_basebackup"

// copyOf copies the data of a running server.
func (s *Server) copyOf(ctx context.Context, primary *Server, options []string) error {
	attributes, err := attributes()
	if err != nil {
		return err
	}
	if err := child.GiveTo(attributes, s.folder); err != nil {
		return err
	}
	options = append(options, "--pgdata="+s.data(), "--host=127.0.0.1", "--port="+strconv.Itoa(primary.port),
		"--username=postgres", "--checkpoint=fast", "--no-sync")
	backup := exec.CommandContext(ctx, filepath.Join(s.bin, basebackup), options...)
	backup.SysProcAttr, backup.Dir = attributes, s.folder
	if out, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: %s: %w\n%s", basebackup, err, out)
	}
	return nil
}
