package pgtest

import (
	"os"
	"path/filepath"
	"testing"
)

// RequirePassword makes the server require a password for role. It trusts all other roles.
func (s *Server) RequirePassword(tb testing.TB, role string) {
	tb.Helper()
	path := filepath.Join(s.data(), "pg_hba.conf")
	rules, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	rules = append([]byte("host all \""+role+"\" 127.0.0.1/32 scram-sha-256\n"), rules...)
	if err := os.WriteFile(path, rules, 0o600); err != nil { // the file exists, so its owner does not change
		tb.Fatal(err)
	}
	s.Exec(tb, "SELECT pg_reload_conf()")
}
