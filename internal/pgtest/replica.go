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
)

// Replica starts a hot standby that follows the server by streaming replication and answers read-only queries.
// The standby is stopped when the test ends. Replica skips the test if pg_basebackup is not installed.
func (s *Server) Replica(tb testing.TB) *Server {
	tb.Helper()
	if !isFile(filepath.Join(s.bin, basebackup)) {
		tb.Skip("needs " + basebackup + ", which is not in " + s.bin)
	}
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
	if err := r.copyOf(ctx, s); err != nil {
		tb.Fatal(err)
	}
	for range 5 { // another process may take the port in the meantime
		if r.port, err = freePort(); err == nil {
			if err = r.up(ctx); err == nil {
				return r
			}
		}
	}
	tb.Fatal(err)
	return nil
}

const basebackup = "pg_basebackup"

// copyOf copies the data of a running server and configures the copy to follow it.
func (s *Server) copyOf(ctx context.Context, primary *Server) error {
	attributes, err := attributes()
	if err != nil {
		return err
	}
	if err := giveTo(attributes, s.folder); err != nil {
		return err
	}
	backup := exec.CommandContext(ctx, filepath.Join(s.bin, basebackup), "--pgdata="+s.data(), "--host=127.0.0.1",
		"--port="+strconv.Itoa(primary.port), "--username=postgres", "--write-recovery-conf",
		"--checkpoint=fast", "--no-sync")
	backup.SysProcAttr, backup.Dir = attributes, s.folder
	if out, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: %s: %w\n%s", basebackup, err, out)
	}
	return nil
}
