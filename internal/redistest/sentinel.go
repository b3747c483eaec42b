package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/backplane-go/backplane/internal/freeport"
)

// MasterName is the name under which a Sentinel knows its primary server.
const MasterName = "main"

// Sentinel watches a primary server with a replica, and replaces one by the other.
type Sentinel struct {
	*Server          // the Sentinel itself
	Primary, Replica *Server
}

// NewReplica starts a replica of the server until the test ends, and returns when it follows the server.
func (s *Server) NewReplica(tb testing.TB) *Server {
	tb.Helper()
	r := New(tb, "replicaof 127.0.0.1 "+s.Port())
	r.waitForPrimary(tb)
	return r
}

// Follow makes the server a replica of another one, as an operator does, and returns when it follows that.
func (s *Server) Follow(tb testing.TB, primary *Server) {
	tb.Helper()
	s.Do(tb, "REPLICAOF", "127.0.0.1", primary.Port())
	s.waitForPrimary(tb)
}

func (s *Server) waitForPrimary(tb testing.TB) {
	tb.Helper()
	until(tb, "a replica that follows its primary", func() bool {
		return s.Info(tb, "replication", "master_link_status") == "up"
	})
}

// NewSentinel starts a primary server, a replica and a Sentinel until the test ends.
func NewSentinel(tb testing.TB) *Sentinel {
	tb.Helper()
	primary := New(tb)
	s := &Sentinel{Server: new(Server), Primary: primary, Replica: primary.NewReplica(tb)}
	if err := s.start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Error(err)
		}
	})
	until(tb, "a Sentinel that knows the replica", func() bool {
		replicas := s.Do(tb, "SENTINEL", "REPLICAS", MasterName).Items
		return len(replicas) == 1 && replicas[0].Lookup("master-link-status").Text() == "ok" &&
			replicas[0].Lookup("flags").Text() == "slave"
	})
	return s
}

func (s *Sentinel) start() (err error) {
	if s.folder, err = os.MkdirTemp("", "redistest-"); err != nil {
		return err
	}
	if s.port, err = freeport.Get(); err != nil {
		return err
	}
	config := filepath.Join(s.folder, "sentinel.conf") // Sentinel writes what it has found into this file
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %s 1\n"+
		"sentinel down-after-milliseconds %s 1000\nsentinel failover-timeout %s 5000\n",
		s.port, s.folder, MasterName, s.Primary.Port(), MasterName, MasterName)
	if err := os.WriteFile(config, []byte(text), 0o666); err != nil {
		return err
	}
	if err := os.Chmod(config, 0o666); err != nil { // the account of the server is another one
		return err
	}
	if err := s.run(context.Background(), config, "--sentinel"); err != nil {
		return errors.Join(err, os.RemoveAll(s.folder))
	}
	return nil
}

// Failover makes the replica the primary server. The old primary does not know for about ten seconds that it is not the
// primary any more.
func (s *Sentinel) Failover(tb testing.TB) {
	tb.Helper()
	until(tb, "a Sentinel that considers the replica good enough", func() bool {
		v, err := Do(context.Background(), s.Address(), "SENTINEL", "FAILOVER", MasterName)
		return err == nil && v.Err() == nil
	})
	until(tb, "the replica that becomes the primary", func() bool { // at the same time, Sentinel ends its connections
		v, err := Do(context.Background(), s.Replica.Address(), "ROLE")
		return err == nil && len(v.Items) > 0 && v.Items[0].Text() == "master"
	})
	s.Primary, s.Replica = s.Replica, s.Primary
}
