package natsdriver_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/nats/internal/natstest"
	"github.com/backplane-go/backplane/nats/natsdriver"
	"github.com/backplane-go/backplane/transport"
)

const stream = "backplane_log"

// Whatever somebody does to the stream, a reader gets everything or an error.
func TestLostMessagesAreNoticed(t *testing.T) {
	server := natstest.Start(t)
	js := jetStream(t, server.URL())
	for name, lose := range map[string]func(t *testing.T, s jetstream.Stream){
		"the stream is deleted": func(t *testing.T, _ jetstream.Stream) {
			require.NoError(t, js.DeleteStream(bounded(t), stream))
		},
		"the stream is deleted and created again": func(t *testing.T, s jetstream.Stream) {
			require.NoError(t, js.DeleteStream(bounded(t), stream))
			_, err := js.CreateStream(bounded(t), s.CachedInfo().Config)
			require.NoError(t, err)
		},
		"the stream is purged": func(t *testing.T, s jetstream.Stream) { require.NoError(t, s.Purge(bounded(t))) },
	} {
		t.Run(name, func(t *testing.T) {
			d := prepared(t, closed(t, natsdriver.New(server.URL())))
			before := appendTo(t, d, "a", numbered(10)...)
			s, err := js.Stream(bounded(t), stream)
			require.NoError(t, err)
			lose(t, s)
			requireNewEpoch(t, d, "a", before[9].Position())
		})
	}
}

// The folder of the server is one from before.
func TestRestoredFolderBeginsANewEpoch(t *testing.T) {
	server := natstest.Start(t)
	d := prepared(t, closed(t, natsdriver.New(server.URL())))
	appendTo(t, d, "a", "1", "2")
	server.Down(t)
	saved := t.TempDir()
	require.NoError(t, os.CopyFS(saved, os.DirFS(server.Data())))
	server.Up(t)
	lost := appendTo(t, d, "a", "3", "4")
	server.Kill(t)
	require.NoError(t, os.RemoveAll(server.Data()))
	require.NoError(t, os.CopyFS(server.Data(), os.DirFS(saved)))
	server.Up(t)
	s, err := d.OpenLog(bounded(t)) // as a cluster does whose session has ended
	require.NoError(t, err)
	require.NoError(t, s.Close(context.Background()))
	requireNewEpoch(t, d, "a", lost[1].Position())
}

// What was acknowledged is there after kill -9, and appending goes on over the same driver.
func TestKilledServerHasTheLog(t *testing.T) {
	server := natstest.Start(t)
	d := prepared(t, closed(t, natsdriver.New(server.URL())))
	begin := start(t, d, "a")
	for range 3 {
		s := hears(t, d, "a")
		stop := make(chan struct{})
		acknowledged := appendUntil(t, d, "a", time.Now().Format(time.RFC3339Nano), stop)
		for range 10 { // when the last of them comes, the others were acknowledged
			_, err := s.ReceiveRecord(bounded(t))
			require.NoError(t, err)
		}
		server.Kill(t)
		_, err := endOf(t, s)
		require.ErrorIs(t, err, natsdriver.ErrDisconnected)
		server.Up(t)
		close(stop)
		want := <-acknowledged
		log, err := replayAll(t, d, "a", begin)
		require.NoError(t, err)
		requireEach(t, want, log)
	}
}

func TestStreamWithOtherSettingsIsRefused(t *testing.T) {
	server := natstest.Start(t)
	js := jetStream(t, server.URL())
	prepared(t, closed(t, natsdriver.New(server.URL())))
	for want, change := range map[string]func(c *jetstream.StreamConfig){
		"its subjects are": func(c *jetstream.StreamConfig) {
			c.Subjects, c.RePublish = []string{"other"}, nil
		},
		"it does not republish":     func(c *jetstream.StreamConfig) { c.RePublish.HeadersOnly = true },
		"lacks allow_direct":        func(c *jetstream.StreamConfig) { c.AllowDirect = false },
		"it has max_age":            func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"its duplicate_window is":   func(c *jetstream.StreamConfig) { c.Duplicates = time.Second },
		"is missing in its metadat": func(c *jetstream.StreamConfig) { c.Metadata = nil },
	} {
		s, err := js.Stream(bounded(t), stream)
		require.NoError(t, err)
		original, changed := s.CachedInfo().Config, s.CachedInfo().Config
		republish := *original.RePublish
		changed.RePublish = &republish
		change(&changed)
		_, err = js.UpdateStream(bounded(t), changed)
		require.NoError(t, err)
		err = closed(t, natsdriver.New(server.URL())).PrepareLog(bounded(t))
		require.ErrorIs(t, err, natsdriver.ErrStream)
		require.ErrorContains(t, err, want)
		_, err = js.UpdateStream(bounded(t), original)
		require.NoError(t, err)
	}
	err := closed(t, natsdriver.NewWithConfig(natsdriver.Config{Replicas: 3}, server.URL())).PrepareLog(bounded(t))
	require.ErrorIs(t, err, natsdriver.ErrStream)
	require.ErrorContains(t, err, "it has 1 replicas, not 3")
	other := closed(t, natsdriver.NewWithConfig(natsdriver.Config{Stream: "other"}, server.URL()))
	prepared(t, other) // another epoch has other subjects
}

func TestNoJetStream(t *testing.T) {
	d := closed(t, natsdriver.New(natstest.New(t, nil).URL()))
	require.ErrorIs(t, d.PrepareLog(bounded(t)), natsdriver.ErrNoJetStream)
	require.ErrorIs(t, d.PrepareSessions(bounded(t)), natsdriver.ErrNoJetStream)
	_, err := d.OpenLog(bounded(t))
	require.ErrorIs(t, err, natsdriver.ErrNoJetStream)
	_, err = d.Bounds(bounded(t), "a")
	require.ErrorIs(t, err, natsdriver.ErrNoJetStream)
	err = d.Append(bounded(t), kept("a", "x"))
	require.ErrorIs(t, err, natsdriver.ErrNoJetStream)
	require.ErrorIs(t, err, transport.ErrNotSent)
	_, err = d.HasLog(bounded(t))
	require.ErrorIs(t, err, natsdriver.ErrNoJetStream)
}

// The permissions that docs/howto/use-nats.md lists are enough, and each of them is needed.
func TestLogPermissions(t *testing.T) {
	publish := []string{
		"backplane.>", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.UPDATE.*",
		"$JS.API.STREAM.PURGE.*", "$JS.API.STREAM.MSG.GET.*", "$JS.API.DIRECT.GET.*",
	}
	subscribe := []string{"backplane.>", "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.*"}
	user := func(without string) (server *natstest.Process, url string) {
		list := func(all []string) (text string) {
			for _, one := range all {
				if one != without {
					text += fmt.Sprintf("%q, ", one)
				}
			}
			return strings.TrimSuffix(text, ", ")
		}
		server = natstest.Start(t, `authorization { users: [ { user: app, password: secret, permissions: { publish: [`+
			list(publish)+`], subscribe: [`+list(subscribe)+`] } }, { user: admin, password: secret } ] }`)
		return server, "nats://app:secret@" + server.Address()
	}
	_, url := user("")
	d := prepared(t, closed(t, natsdriver.New(url)))
	require.NoError(t, d.PrepareSessions(bounded(t)))
	s := hears(t, d, "a")
	want := appendTo(t, d, "a", "1", "2")
	got, err := s.ReceiveRecord(bounded(t))
	require.NoError(t, err)
	require.Equal(t, want[0], got)
	require.NoError(t, d.TrimLog(bounded(t), transport.Retention{MaxAge: 1, MaxBytes: 1}))

	for _, without := range append(publish[1:], subscribe[1]) {
		if without == "$JS.API.STREAM.UPDATE.*" { // only for a new epoch
			continue
		}
		_, url := user(without)
		err := closed(t, natsdriver.New(url)).PrepareLog(bounded(t))
		denied := (*natsdriver.PermissionError)(nil)
		require.ErrorAs(t, err, &denied, without)
		require.Contains(t, denied.Subject, without[:len(without)-1])
	}
}

// A slow consumer's connection is closed, and what it has missed can be replayed.
func TestSlowConsumerReplays(t *testing.T) {
	server := natstest.Start(t, "max_pending: 2MB")
	p := proxy.Start(t, server.Address())
	d := prepared(t, closed(t, natsdriver.NewWithServers(p.Address(), server.URL(), clusterConfig)))
	s := hears(t, d, "a")
	begin := start(t, d, "a")
	resume := proxy.Stall(p)
	var sent []string
	for i := range 100 {
		payload := string(make([]byte, 200<<10)) + string(rune('a'+i%26))
		appendTo(t, d, "a", payload)
		sent = append(sent, payload)
	}
	resume()
	before, err := endOf(t, s)
	require.ErrorIs(t, err, natsdriver.ErrDisconnected)
	require.Less(t, len(before), len(sent))
	log, err := replayAll(t, d, "a", begin)
	require.NoError(t, err)
	require.Equal(t, sent, payloads(log))
	require.Equal(t, payloads(log)[:len(before)], payloads(before))
}

// The log of a channel that nobody uses is trimmed without a write each time, and its next message has no hole before
// it.
func TestIdleLogIsNotWritten(t *testing.T) {
	server := natstest.Start(t)
	d := prepared(t, closed(t, natsdriver.New(server.URL())))
	s := hears(t, d, "a")
	first := appendTo(t, d, "a", "1", "2", "3")
	js := jetStream(t, server.URL())
	last := func() uint64 {
		s, err := js.Stream(bounded(t), stream)
		require.NoError(t, err)
		return s.CachedInfo().State.LastSeq
	}
	keep := transport.Retention{MaxAge: time.Millisecond}
	natstest.Until(t, "the log to be trimmed", func() bool {
		require.NoError(t, d.TrimLog(bounded(t), keep))
		return start(t, d, "a").Offset == first[2].Offset
	})
	idle := last()
	for range 20 {
		require.NoError(t, d.TrimLog(bounded(t), keep))
	}
	require.Equal(t, idle, last())
	next := appendTo(t, d, "a", "4")
	for _, want := range append(first, next...) {
		got, err := s.ReceiveRecord(bounded(t))
		require.NoError(t, err)
		require.Equal(t, want.Position(), got.Position())
		if want.Offset == next[0].Offset {
			require.Equal(t, first[2].Offset, got.Previous)
		}
	}
}
