package clients_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// nodeServer is Socket.IO's own server.
type nodeServer struct {
	host     *host
	name     string
	config   config
	database string // URL of its database, for Postgres adapter 0.5
	port     int
	inbox    nodejs.Inbox[serverEvent]
}

var _ server = (*nodeServer)(nil)

// newServer starts a server, which ends with the test. database is the URL of its cluster, empty for a single server.
func (h *host) newServer(t *testing.T, c config, database string) *nodeServer {
	t.Helper()
	s := &nodeServer{host: h, name: h.name("server"), config: c, database: database}
	h.mu.Lock()
	h.servers[s.name] = s
	h.mu.Unlock()
	require.NoError(t, s.start(patient(t)))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = s.stop(ctx) // it may be stopped already, or its process has ended
	})
	return s
}

func (s *nodeServer) start(ctx context.Context) error {
	c := s.config
	o := map[string]any{}
	put := func(key string, value any, given bool) {
		if given {
			o[key] = value
		}
	}
	put("maxHttpBufferSize", c.maxPayload, c.maxPayload > 0)
	put("pingInterval", c.pingInterval.Milliseconds(), c.pingInterval > 0)
	put("pingTimeout", c.pingTimeout.Milliseconds(), c.pingTimeout > 0)
	put("connectTimeout", c.connectTimeout.Milliseconds(), c.connectTimeout > 0)
	put("upgradeTimeout", c.upgradeTimeout.Milliseconds(), c.upgradeTimeout > 0)
	put("transports", c.transports, c.transports != nil)
	put("allowUpgrades", false, c.noUpgrades)
	put("perMessageDeflate", true, c.compress)
	put("allowEIO3", true, c.allowEIO3)
	put("connectionStateRecovery", map[string]any{"maxDisconnectionDuration": c.recovery.Milliseconds()},
		c.recovery > 0)
	put("cleanupEmptyChildNamespaces", true, c.cleanNamespaces)
	put("cookie", map[string]any{"name": c.cookie}, c.cookie != "")
	put("cors", map[string]any{"origin": c.origins}, c.origins != nil)
	in := map[string]any{"server": s.name, "port": s.port, "options": o, "databaseURL": s.database,
		"adapterOptions": map[string]any{"heartbeatInterval": nodeHeartbeat.Milliseconds(),
			"heartbeatTimeout": heartbeatTimeout.Milliseconds()}}
	if c.streams != 0 {
		in["streams"] = map[string]any{"port": c.streams, "key": "socket.io", "stream": "socket.io"}
	}
	var out struct{ Port int }
	if err := s.host.call(ctx, "start", in, &out); err != nil {
		return err
	}
	s.port = out.Port
	return nil
}

func (s *nodeServer) stop(ctx context.Context) error {
	return s.host.call(ctx, "stop", map[string]any{"server": s.name}, nil)
}

func (s *nodeServer) url() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

func (s *nodeServer) reports() *nodejs.Inbox[serverEvent] { return &s.inbox }

func (s *nodeServer) run(ctx context.Context, o op) (result, error) {
	var r result
	err := s.host.call(ctx, "do", struct {
		Server string `json:"server"`
		op
	}{s.name, o}, &r)
	return r, err
}
