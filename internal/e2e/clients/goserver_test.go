package clients_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/internal/e2e/nodejs"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport"
)

// goServer is a server with package socketio.
type goServer struct {
	io      *socketio.Server
	config  config
	cluster *backplane.Cluster // nil: a single server
	address string             // host:port
	http    *http.Server
	served  chan struct{} // closed when http has stopped serving
	inbox   nodejs.Inbox[serverEvent]
	errors  nodejs.Inbox[error] // errors that ErrorHandler received
	held    *gate
}

var _ server = (*goServer)(nil)

// newGoServer starts a server, which ends with the test. The test fails if ErrorHandler received an error that the
// test did not take from errors. bus is the bus of its cluster, nil for a single server.
func newGoServer(t *testing.T, c config, bus transport.Bus) *goServer {
	t.Helper()
	s := &goServer{config: c, address: "127.0.0.1:0", held: newGate()}
	if bus != nil {
		var err error
		config := backplane.Config{Bus: bus, HeartbeatInterval: goHeartbeat, HeartbeatTimeout: heartbeatTimeout,
			RequestTimeout: patience, PublishTimeout: patience, ErrorHandler: s.errors.Put}
		if c.streams != 0 {
			config.Dialect = redisstreams.Dialect{}
		}
		if c.logged {
			config.Log = &backplane.LogConfig{}
		}
		s.cluster, err = backplane.Open(patient(t), config)
		require.NoError(t, err)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			require.NoError(t, s.cluster.Close(ctx))
		})
	}
	require.NoError(t, s.start(patient(t)))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.stop(ctx))
		for _, err := range s.errors.Take() {
			if !strings.Contains(err.Error(), "refused") { // a client may send another request while it is disconnected
				t.Errorf("reported by the Go server: %v", err)
			}
		}
	})
	return s
}

func (s *goServer) start(context.Context) error {
	c := socketio.Config{
		Cluster: s.cluster, MaxPayload: s.config.maxPayload,
		PingInterval: s.config.pingInterval, PingTimeout: s.config.pingTimeout,
		ConnectTimeout: s.config.connectTimeout, UpgradeTimeout: s.config.upgradeTimeout,
		ShutdownTimeout: 100 * time.Millisecond, // Node.js does not wait
		DrainTime:       s.config.drainTime,
		Transports:      s.config.transports, NoUpgrades: s.config.noUpgrades, Compress: s.config.compress,
		AllowEIO3:           s.config.allowEIO3,
		KeepEmptyNamespaces: !s.config.cleanNamespaces, Origins: s.config.origins, TrustedProxies: s.config.proxies,
		ErrorHandler: s.errors.Put,
	}
	if s.config.cookie != "" {
		c.Cookie = &http.Cookie{Name: s.config.cookie, Path: "/", HttpOnly: true}
	}
	if s.config.recovery > 0 {
		c.Recovery = &socketio.Recovery{MaxDisconnection: s.config.recovery}
	}
	io, err := socketio.NewServer(c)
	if err != nil {
		return err
	}
	install(io, s.inbox.Put, s.held)
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return errors.Join(err, io.Close(context.Background()))
	}
	s.io, s.address = io, listener.Addr().String()
	s.http, s.served = socketio.HTTPServer("", io), make(chan struct{})
	serve := s.http.Serve
	if s.config.byServe {
		serve = io.Serve
	}
	go func(served chan struct{}) {
		defer close(served)
		_ = serve(listener) // returns after Close
	}(s.served)
	return nil
}

func (s *goServer) stop(ctx context.Context) error {
	s.held.proceed()
	err := s.io.Shutdown(ctx)
	err = errors.Join(err, s.http.Close())
	<-s.served
	return err
}

func (s *goServer) url() string { return "http://" + s.address }

func (s *goServer) reports() *nodejs.Inbox[serverEvent] { return &s.inbox }

// dynamic is the pattern of the dynamic namespaces.
var dynamic = regexp.MustCompile(`^/dynamic-\d+$`)

func pgxBus(t *testing.T, url string) transport.Bus {
	t.Helper()
	pool, err := pgxpool.New(patient(t), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pgxdriver.New(pool)
}

func pqBus(t *testing.T, url string) transport.Bus {
	t.Helper()
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return pqdriver.New(db, url)
}

func redisBus(t *testing.T, address string) transport.Bus {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address})
	t.Cleanup(func() { _ = client.Close() })
	return redisdriver.New(client)
}
