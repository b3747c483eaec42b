package natsstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/nats/natsstore"
	"github.com/backplane-go/backplane/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that must happen.
const patience = 2 * time.Minute

func bounded(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// connect returns a connection to a server until the test ends.
func connect(tb testing.TB, url string, options ...nats.Option) *nats.Conn {
	nc, err := nats.Connect(url, append(options, nats.MaxReconnects(-1))...)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ended := make(chan struct{})
		nc.SetClosedHandler(func(*nats.Conn) { close(ended) })
		nc.Close()
		<-ended
	})
	return nc
}

func TestConformance(t *testing.T) {
	s := natstest.New(t, natstest.JetStream(t))
	p := proxy.Start(t, s.Address())
	store := func(tb testing.TB, config natsstore.Config) storage.Store {
		return natsstore.NewWithConfig(connect(tb, "nats://"+p.Address()), config)
	}
	conformance.Store(t, conformance.StoreHarness{
		Patience: patience,
		NewStore: func(tb testing.TB) storage.Store { return store(tb, natsstore.Config{}) },
		NewShortLived: func(tb testing.TB, timeToLive time.Duration) storage.Store {
			name := fmt.Sprint("short-", timeToLive.Seconds())
			return store(tb, natsstore.Config{Stream: name, TimeToLive: timeToLive})
		},
		Stall: func(testing.TB, storage.Store) func() { return proxy.Stall(p) },
	})
}

// A cluster with the driver and the store keeps what it promises. The bus carries little, so that much is stored.
func TestCluster(t *testing.T) {
	s := natstest.New(t, natstest.JetStream(t))
	nc := connect(t, s.URL())
	conformance.Cluster(t, conformance.ClusterHarness{
		NewConfig: func(tb testing.TB) core.Config {
			bus := natsdriver.NewWithConfig(natsdriver.Config{MaxPayload: 2000}, s.URL())
			return core.Config{Bus: bus, Store: natsstore.New(nc)}
		},
	})
}

// The servers need no larger max_payload for larger bodies.
func TestSmallMaxPayload(t *testing.T) {
	s := natstest.New(t, func(o *server.Options) {
		natstest.JetStream(t)(o)
		o.MaxPayload = 4 << 10
	})
	store := natsstore.New(connect(t, s.URL()))
	require.NoError(t, store.Prepare(bounded(t)))
	for _, size := range []int{0, 1, 2047, 2048, 2049, 4096, 100_000} {
		body := make([]byte, size)
		for i := range body {
			body[i] = byte(i >> 3)
		}
		id, err := store.Put(bounded(t), body)
		require.NoError(t, err)
		got, err := store.Get(bounded(t), id)
		require.NoError(t, err)
		require.Equal(t, body, got)
	}
}

func TestBodiesSurviveARestart(t *testing.T) {
	s := natstest.New(t, natstest.JetStream(t))
	store := natsstore.New(connect(t, s.URL()))
	require.NoError(t, store.Prepare(bounded(t)))
	id, err := store.Put(bounded(t), []byte("kept"))
	require.NoError(t, err)
	s.Down(t)
	s.Up(t)
	natstest.Until(t, "the store to be back", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // the server may have taken the question with it
		defer cancel()
		body, err := store.Get(ctx, id)
		return err == nil && string(body) == "kept"
	})
}

func TestUnsuitableStreamsAreRefused(t *testing.T) {
	s := natstest.New(t, natstest.JetStream(t))
	nc := connect(t, s.URL())
	_, err := natsstore.New(nc).Put(bounded(t), []byte("x"))
	require.ErrorIs(t, err, natsstore.ErrNotPrepared)
	_, err = natsstore.New(nc).Get(bounded(t), "AAAAAAAAAAAAAAAAAAAAAAAAAA")
	require.ErrorIs(t, err, natsstore.ErrNotPrepared)

	require.NoError(t, natsstore.NewWithConfig(nc, natsstore.Config{TimeToLive: time.Minute}).Prepare(bounded(t)))
	require.NoError(t, natsstore.NewWithConfig(nc, natsstore.Config{TimeToLive: time.Second}).Prepare(bounded(t)))
	require.ErrorIs(t, natsstore.New(nc).Prepare(bounded(t)), natsstore.ErrStream, "it keeps bodies for a minute only")
}

// Without JetStream, the error of the server says so.
func TestServerWithoutJetStream(t *testing.T) {
	store := natsstore.New(connect(t, natstest.New(t, nil).URL()))
	require.Error(t, store.Prepare(bounded(t)))
}

// The permissions that docs/howto/use-nats.md shows are enough.
func TestSmallestPermissionsAreEnough(t *testing.T) {
	s := natstest.New(t, func(o *server.Options) {
		natstest.JetStream(t)(o)
		o.Users = []*server.User{{Username: "app", Password: "secret", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: []string{"backplane-attachments.*.*",
				"$JS.API.STREAM.*.backplane-attachments", "$JS.API.STREAM.MSG.GET.backplane-attachments",
				"$JS.API.DIRECT.GET.backplane-attachments.>"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}}}
	})
	nc := connect(t, s.URL(), nats.UserInfo("app", "secret"))
	for range 2 { // creates the stream, then finds it
		store := natsstore.New(nc)
		require.NoError(t, store.Prepare(bounded(t)))
		id, err := store.Put(bounded(t), make([]byte, 100_000))
		require.NoError(t, err)
		body, err := store.Get(bounded(t), id)
		require.NoError(t, err)
		require.Len(t, body, 100_000)
	}
}

// Whoever can publish on the subjects of the stream can store what is no body.
func TestForeignMessagesAreNoBodies(t *testing.T) {
	s := natstest.New(t, natstest.JetStream(t))
	nc := connect(t, s.URL())
	store := natsstore.New(nc)
	require.NoError(t, store.Prepare(bounded(t)))
	const id = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	for i, header := range []nats.Header{
		{}, {"Backplane-Size": {"x"}, "Backplane-Piece": {"1"}}, {"Backplane-Size": {"-1"}, "Backplane-Piece": {"1"}},
		{"Backplane-Size": {"9"}, "Backplane-Piece": {"0"}}, {"Backplane-Size": {"9"}, "Backplane-Piece": {"9"}},
		{"Backplane-Size": {"9000000000000000000"}, "Backplane-Piece": {"9"}},
		{"Backplane-Size": {"9"}, "Backplane-Piece": {"9000000000000000000"}},
	} {
		m := &nats.Msg{Subject: "backplane-attachments." + id + ".0", Header: header}
		if i%2 == 0 {
			m.Data = []byte("foreign")
		}
		_, err := nc.RequestMsgWithContext(bounded(t), m)
		require.NoError(t, err)
		_, err = store.Get(bounded(t), id)
		require.ErrorIs(t, err, storage.ErrNotFound, "%v", header)
	}
}
