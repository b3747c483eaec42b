package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	storage "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestConfigIsChecked(t *testing.T) {
	hub := memory.NewHub()
	narrow := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 7999, Channel: 63, Text: true}})
	for field, config := range map[string]core.Config{
		"Bus":               {},
		"UID":               {Bus: hub, UID: "emitter"},
		"UID/long":          {Bus: hub, UID: strings.Repeat("x", 129)},
		"UID/UTF-8":         {Bus: hub, UID: "a\xff"},
		"PayloadThreshold":  {Bus: hub, PayloadThreshold: -1},
		"RequestTimeout":    {Bus: hub, RequestTimeout: -1},
		"HeartbeatInterval": {Bus: hub, HeartbeatInterval: -1},
		"HeartbeatTimeout":  {Bus: hub, HeartbeatTimeout: time.Second},
		"CleanupInterval":   {Bus: hub, CleanupInterval: -1},
		"AttachmentAge":     {Bus: hub, AttachmentAge: -1},
		"PublishTimeout":    {Bus: hub, PublishTimeout: -1},
		"MinBackoff":        {Bus: hub, MinBackoff: -1},
		"MaxBackoff":        {Bus: hub, MinBackoff: time.Second, MaxBackoff: time.Millisecond},
		"PublishQueue":      {Bus: hub, PublishQueue: -1},
		"PublishQueueBytes": {Bus: hub, PublishQueueBytes: -1},
		"ReceiveQueue":      {Bus: hub, ReceiveQueue: -1},
		"ReceiveQueueBytes": {Bus: hub, ReceiveQueueBytes: -1},
		"MaxPeers":          {Bus: hub, MaxPeers: -1},
	} {
		t.Run(field, func(t *testing.T) {
			_, err := core.New(config)
			var wrong *core.ConfigError
			require.ErrorAs(t, err, &wrong)
			name, _, _ := strings.Cut(field, "/")
			assert.Equal(t, name, wrong.Field)
			assert.NotEmpty(t, wrong.Reason)
		})
	}
	for name, config := range map[string]core.Config{
		"NUL":      {Bus: hub, ChannelPrefix: "a\x00b"},
		"UTF-8":    {Bus: hub, ChannelPrefix: "a\xff"},
		"TooLong":  {Bus: narrow, ChannelPrefix: strings.Repeat("x", 62)},
		"TooLong2": {Bus: narrow, ChannelPrefix: strings.Repeat("x", 600)},
	} {
		t.Run("ChannelPrefix/"+name, func(t *testing.T) {
			_, err := core.New(config)
			var wrong *core.NameError
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, config.ChannelPrefix, wrong.Name)
		})
	}
	for name, config := range map[string]core.Config{
		"Least":         {Bus: hub},
		"LongestPrefix": {Bus: narrow, ChannelPrefix: strings.Repeat("x", 61)},
		"LongMinimum":   {Bus: hub, MinBackoff: time.Minute},
		"LongestUID":    {Bus: hub, UID: strings.Repeat("x", 128)},
		"EqualBeats":    {Bus: hub, HeartbeatInterval: time.Second, HeartbeatTimeout: time.Second},
	} {
		t.Run("Good/"+name, func(t *testing.T) {
			_, err := core.New(config)
			assert.NoError(t, err)
		})
	}
}

func TestNewDoesNoIO(t *testing.T) {
	b := &bus{Bus: memory.NewHub()}
	_, err := core.New(core.Config{Bus: b, Store: brokenStore{}})
	require.NoError(t, err)
	assert.Zero(t, b.opened.Load())
	assert.Empty(t, b.sizes())
}

// prepared is a store that needs to be prepared.
type prepared struct {
	*storage.Store
	prepare func(ctx context.Context) error
}

func (p prepared) Prepare(ctx context.Context) error { return p.prepare(ctx) }

func TestStartFailsFast(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	fail := func(context.Context) error { return errBroken }
	for name, c := range map[string]struct {
		store func(context.Context) error
		bus   faults
		want  error
	}{
		"StoreIsBroken": {store: fail, want: errBroken},
		"StoreHangs":    {store: hang, want: context.DeadlineExceeded},
		"BusIsBroken": {bus: faults{open: func(context.Context, transport.Bus) (transport.Session, error) {
			return nil, errBroken
		}}, want: errBroken},
		"BusHangs": {bus: faults{open: func(ctx context.Context, _ transport.Bus) (transport.Session, error) {
			return nil, hang(ctx)
		}},
			want: context.DeadlineExceeded},
		"ListenIsBroken": {bus: faults{listen: func(ctx context.Context, _ transport.Session, _ string) error {
			return errBroken
		}}, want: errBroken},
		"PublishIsBroken": {bus: faults{publish: func(context.Context, transport.Bus, []transport.Message) error {
			return errBroken
		}}, want: errBroken},
		"ReceiveIsBroken": {bus: faults{receive: func(context.Context, transport.Session) (transport.Message, error) {
			return transport.Message{}, errBroken
		}}, want: errBroken}, "Deaf": {bus: faults{listen: func(context.Context, transport.Session, string) error {
			return nil
		}}, want: core.ErrNoLoopback},
		"Mute": {bus: faults{publish: func(context.Context, transport.Bus, []transport.Message) error {
			return nil
		}}, want: core.ErrNoLoopback},
		"PublishHang": {bus: faults{publish: func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
			return hang(ctx)
		}}, want: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bus{Bus: memory.NewHub(), faults: c.bus}
				config := core.Config{Bus: b}
				if c.store != nil {
					config.Store = prepared{storage.NewStore(), c.store}
				}
				cluster, err := core.New(config)
				require.NoError(t, err)
				start := time.Now()
				err = cluster.Start(t.Context())
				require.ErrorIs(t, err, c.want)
				assert.LessOrEqual(t, time.Since(start), 5*time.Second, "Start fails within Config.PublishTimeout")
				assert.Empty(t, b.listening(), "sessions that were opened are closed again")
				_, err = cluster.Namespace(t.Context(), "/", core.NewRegistry(core.RegistryConfig{}))
				assert.ErrorIs(t, err, core.ErrClosed, "a cluster that did not start is closed")
				assert.NoError(t, cluster.Close(t.Context()))
			})
		})
	}
}

func TestStartReturnsTheErrorOfTheBus(t *testing.T) {
	late := func(ctx context.Context) error { // returns a moment after its context has ended
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond)
		return errBroken
	}
	for name, c := range map[string]struct {
		bus  faults
		want error
	}{
		"Open": {faults{open: func(ctx context.Context, _ transport.Bus) (transport.Session, error) {
			return nil, late(ctx)
		}}, errBroken}, "Listen": {faults{listen: func(ctx context.Context, _ transport.Session, _ string) error {
			return late(ctx)
		}}, errBroken},
		"Receive": {faults{receive: func(ctx context.Context, _ transport.Session) (transport.Message, error) {
			return transport.Message{}, late(ctx)
		}}, core.ErrNoLoopback},
	} {
		for _, timeout := range []time.Duration{2 * time.Second, time.Minute} {
			t.Run(fmt.Sprint(name, "/", timeout), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					start := time.Now()
					_, err := core.Open(ctx, core.Config{Bus: &bus{Bus: memory.NewHub(), faults: c.bus}})
					assert.ErrorIs(t, err, c.want)
					assert.LessOrEqual(t, time.Since(start), min(timeout, 5*time.Second))
				})
			})
		}
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub(),
			faults: faults{publish: func(context.Context, transport.Bus, []transport.Message) error { return nil }}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := core.Open(ctx, core.Config{Bus: b})
		assert.ErrorIs(t, err, context.Canceled)
		assert.NotErrorIs(t, err, core.ErrNoLoopback,
			"the caller gave up: this does not mean that there is a proxy in between")
	})
}

func TestStartAfterCloseReturnsErrClosed(t *testing.T) {
	cluster, err := core.New(core.Config{Bus: memory.NewHub()})
	require.NoError(t, err)
	require.NoError(t, cluster.Close(t.Context()))
	assert.ErrorIs(t, cluster.Start(t.Context()), core.ErrClosed)
}

func TestStartTwiceIsAnError(t *testing.T) {
	cluster := open(t, memory.NewHub())
	assert.Error(t, cluster.Start(t.Context()))
	join(t, cluster, "/", nil)
}

func TestNamespaceBeforeStartIsAnError(t *testing.T) {
	cluster, err := core.New(core.Config{Bus: memory.NewHub()})
	require.NoError(t, err)
	_, err = cluster.Namespace(t.Context(), "/", core.NewRegistry(core.RegistryConfig{}))
	require.Error(t, err)
	assert.NotErrorIs(t, err, core.ErrClosed, "the cluster was not closed, it was not started: this is another mistake")
	require.NoError(t, cluster.Close(t.Context()))
}

func TestCloseDuringStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		slow := make(chan struct{})
		b.fault(faults{open: func(ctx context.Context, next transport.Bus) (transport.Session, error) {
			select {
			case <-slow:
			case <-ctx.Done():
			}
			return next.Open(context.WithoutCancel(ctx))
		}})
		cluster, err := core.New(core.Config{Bus: b})
		require.NoError(t, err)
		started := make(chan error, 1)
		go func() { started <- cluster.Start(t.Context()) }()
		synctest.Wait()
		require.NoError(t, cluster.Close(t.Context()))
		assert.Equal(t, int64(1), b.opened.Load())
		assert.Zero(t, b.unclosed(), "Close leaves no connection behind, not even that of a Start under way")
		assert.ErrorIs(t, <-started, core.ErrClosed)
		close(slow)
		synctest.Wait()
	})
}

func TestNamespaceErrors(t *testing.T) {
	narrow := memory.NewHubWithConfig(memory.Config{Limits: transport.Limits{Payload: 7999, Channel: 63, Text: true}})
	cluster := open(t, narrow)
	local := core.NewRegistry(core.RegistryConfig{})
	for name, nsp := range map[string]string{
		"Empty": "", "NoSlash": "chat", "NUL": "/a\x00b", "UTF-8": "/a\xff",
		"64Bytes":          "/" + strings.Repeat("x", 63-len("socket.io#/")+1),
		"64BytesOfAccents": "/" + strings.Repeat("é", 27),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cluster.Namespace(t.Context(), nsp, local)
			var wrong *core.NameError
			require.ErrorAs(t, err, &wrong, "Namespace(%q)", nsp)
			assert.Equal(t, nsp, wrong.Name)
		})
	}
	t.Run("63BytesAreFine", func(t *testing.T) {
		ns, err := cluster.Namespace(t.Context(), "/"+strings.Repeat("x", 63-len("socket.io#/")), local)
		require.NoError(t, err)
		require.NoError(t, ns.Close(t.Context()))
	})
	t.Run("Twice", func(t *testing.T) {
		ns := join(t, cluster, "/twice", local)
		_, err := cluster.Namespace(t.Context(), "/twice", local)
		assert.ErrorIs(t, err, core.ErrNamespaceExists)
		require.NoError(t, ns.Close(t.Context()))
		_, err = cluster.Namespace(t.Context(), "/twice", local)
		assert.NoError(t, err, "after Close the namespace can be opened again")
	})
	t.Run("NilLocalSockets", func(t *testing.T) {
		_, err := cluster.Namespace(t.Context(), "/x", nil)
		assert.Error(t, err)
	})
	t.Run("AnnouncementFails", func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		cluster := open(t, b)
		b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error { return errBroken }})
		_, err := cluster.Namespace(t.Context(), "/", local)
		require.ErrorIs(t, err, errBroken)
		assert.Empty(t, b.listening(), "nothing of the namespace is left")
		b.heal()
		join(t, cluster, "/", nil)
	})
	t.Run("ListenFails", func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		cluster := open(t, b)
		b.fault(faults{listen: func(context.Context, transport.Session, string) error { return errBroken }})
		_, err := cluster.Namespace(t.Context(), "/", local)
		var op *core.OpError
		require.ErrorAs(t, err, &op)
		assert.True(t, errors.Is(err, errBroken) && op.Channel == "socket.io#/", "%v", err)
		b.heal()
		join(t, cluster, "/", nil)
	})
}
