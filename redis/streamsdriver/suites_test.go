package streamsdriver_test

import (
	"context"
	"encoding/hex"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/redis/streamsdriver"
	"github.com/backplane-go/backplane/transport"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // go-redis logs each connection that it cannot open
	goleak.VerifyTestMain(m)
}

// client returns a client for an address until the test ends.
func client(tb testing.TB, address string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: address})
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}

func newDriver(tb testing.TB, address string, config streamsdriver.Config) *streamsdriver.Driver {
	d := streamsdriver.NewWithConfig(client(tb, address), config)
	tb.Cleanup(func() { require.NoError(tb, d.Close(context.Background())) })
	return d
}

// entries is a driver whose messages are all entries of one stream, as the suites, which know no entries, need it.
type entries struct{ driver *streamsdriver.Driver }

var _ transport.Bus = entries{}

// channelOf returns the channel of the driver for one of a suite, whose names have any bytes.
func channelOf(name string) string {
	return streamentry.Channel("suite", "/"+hex.EncodeToString([]byte(name)))
}

func entryOf(m transport.Message) transport.Message {
	channel := channelOf(m.Channel)
	_, nsp, _ := streamentry.Parse(channel)
	return transport.Message{Channel: channel, Payload: streamentry.Append(nil, []byte("uid"), []byte("suite"),
		[]byte("nsp"), []byte(nsp), []byte("data"), m.Payload)}
}

// messageOf is the opposite of entryOf.
func messageOf(m transport.Message) transport.Message {
	_, nsp, _ := streamentry.Parse(m.Channel)
	name, _ := hex.DecodeString(nsp[1:])
	out := transport.Message{Channel: string(name)}
	_ = streamentry.Each(m.Payload, func(name, value []byte) {
		if string(name) == "data" {
			out.Payload = value
		}
	})
	return out
}

// Limits has none: those of the driver are for whole entries.
func (entries) Limits() transport.Limits { return transport.Limits{} }

func (e entries) Close(ctx context.Context) error { return e.driver.Close(ctx) }

func (e entries) Publish(ctx context.Context, msgs ...transport.Message) error {
	framed := make([]transport.Message, len(msgs))
	for i, m := range msgs {
		framed[i] = entryOf(m)
	}
	return e.driver.Publish(ctx, framed...)
}

func (e entries) Open(ctx context.Context) (transport.Session, error) {
	s, err := e.driver.Open(ctx)
	if err != nil {
		return nil, err
	}
	return entrySession{s}, nil
}

type entrySession struct{ transport.Session }

func (s entrySession) Listen(ctx context.Context, channel string) error {
	return s.Session.Listen(ctx, channelOf(channel))
}

func (s entrySession) Unlisten(ctx context.Context, channel string) error {
	return s.Session.Unlisten(ctx, channelOf(channel))
}

func (s entrySession) Receive(ctx context.Context) (transport.Message, error) {
	m, err := s.Session.Receive(ctx)
	if err != nil {
		return m, err
	}
	return messageOf(m), nil
}

// harness is that of a single server behind a proxy, with a function that makes a bus of a driver.
func harness(tb testing.TB, bus func(*streamsdriver.Driver) transport.Bus) conformance.Harness {
	config := streamsdriver.Config{MaxLen: 1 << 20}
	p := proxy.Start(tb, redistest.New(tb).Address())
	return conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus { return bus(newDriver(tb, p.Address(), config)) },
		Sever:  func(testing.TB, transport.Bus) { p.Sever() },
		NoServer: func(tb testing.TB) transport.Bus {
			return bus(newDriver(tb, "127.0.0.1:1", config))
		},
		Stall: func(testing.TB, transport.Bus) func() { return proxy.Stall(p) },
	}
}

// TestConformance: what is published keeps the promises of a bus.
func TestConformance(t *testing.T) {
	conformance.Bus(t, harness(t, func(d *streamsdriver.Driver) transport.Bus { return d }))
}

// TestEntriesConformance: so do entries of a stream.
func TestEntriesConformance(t *testing.T) {
	conformance.Bus(t, harness(t, func(d *streamsdriver.Driver) transport.Bus { return entries{d} }))
}
