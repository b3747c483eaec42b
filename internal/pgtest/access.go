package pgtest

import (
	"os"
	"path/filepath"
	"testing"
)

// RequirePassword makes the server ask a role for its password. It trusts all others.
func (s *Server) RequirePassword(tb testing.TB, role string) {
	tb.Helper()
	path := filepath.Join(s.data(), "pg_hba.conf")
	rules, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	rules = append([]byte("host all \""+role+"\" 127.0.0.1/32 scram-sha-256\n"), rules...)
	if err := os.WriteFile(path, rules, 0o600); err != nil { // it exists: its owner stays
		tb.Fatal(err)
	}
	s.Exec(tb, "SELECT pg_reload_conf()")
}
