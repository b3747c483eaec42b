package memory_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func record(channel, payload string) transport.Record {
	return transport.Record{Message: transport.Message{Channel: channel, Payload: []byte(payload)}, Keep: true}
}

// appendAll appends records one at a time.
func appendAll(t *testing.T, hub *memory.Hub, channel string, payloads ...string) []transport.Record {
	t.Helper()
	var all []transport.Record
	for _, p := range payloads {
		records := []transport.Record{record(channel, p)}
		require.NoError(t, hub.Append(t.Context(), records))
		all = append(all, records...)
	}
	return all
}

func openLog(t *testing.T, hub *memory.Hub, channels ...string) transport.LogSession {
	t.Helper()
	s, err := hub.OpenLog(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { s.Close(context.Background()) })
	for _, c := range channels {
		require.NoError(t, s.Listen(t.Context(), c))
	}
	return s
}

func payloads(records []transport.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, string(r.Payload))
	}
	return strings.Join(all, " ")
}

func replay(t *testing.T, hub *memory.Hub, channel string) string {
	t.Helper()
	b, err := hub.Bounds(t.Context(), channel)
	require.NoError(t, err)
	records, err := hub.Replay(
		t.Context(), channel, transport.Position{Epoch: b.Epoch, Offset: b.Trimmed}, transport.ReadLimit{},
	)
	require.NoError(t, err)
	return payloads(records)
}

func TestLogIsBoundedInBytes(t *testing.T) {
	hub := memory.NewHubWithConfig(memory.Config{LogBytes: 3*128 + 30})
	ten := strings.Repeat("x", 9)
	appendAll(t, hub, "a", ten+"1")
	appendAll(t, hub, "b", ten+"2", ten+"3")
	require.Equal(t, ten+"1", replay(t, hub, "a"))
	appendAll(t, hub, "b", ten+"4")
	require.Empty(t, replay(t, hub, "a"), "the oldest message of all channels must make room")
	require.Equal(t, strings.Join([]string{ten + "2", ten + "3", ten + "4"}, " "), replay(t, hub, "b"))

	huge := strings.Repeat("x", 5000)
	appendAll(t, hub, "a", huge)
	require.Equal(t, huge, replay(t, hub, "a"), "the newest message must be kept, whatever its size")
	require.Empty(t, replay(t, hub, "b"))
	info, err := hub.InspectLog(t.Context(), "")
	require.NoError(t, err)
	require.EqualValues(t, 5128, info.Bytes)
}

func TestTrimLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		start := time.Now()
		appendAll(t, hub, "a", "1")
		time.Sleep(time.Minute)
		appendAll(t, hub, "b", "2")
		appendAll(t, hub, "a", "3")
		require.NoError(t, hub.TrimLog(t.Context(), transport.Retention{MaxAge: time.Minute}))
		require.Equal(t, "1 3", replay(t, hub, "a"), "a message that is exactly as old as MaxAge must stay")
		info, err := hub.InspectLog(t.Context(), "")
		require.NoError(t, err)
		require.True(t, info.Oldest.Equal(start))

		time.Sleep(time.Nanosecond)
		require.NoError(t, hub.TrimLog(t.Context(), transport.Retention{MaxAge: time.Minute}))
		require.Equal(t, "3", replay(t, hub, "a"))
		info, err = hub.InspectLog(t.Context(), "a")
		require.NoError(t, err)
		require.True(t, info.Oldest.Equal(start.Add(time.Minute)))
		require.Len(t, info.Channels, 1)
		require.Equal(t, transport.ChannelInfo{
			Channel: "a", Records: 1,
			Bounds: transport.Bounds{
				Epoch: info.Epoch, Trimmed: transport.Offset{Major: 1}, Newest: transport.Offset{Major: 3},
			},
		}, info.Channels[0])

		require.NoError(t, hub.TrimLog(t.Context(), transport.Retention{MaxBytes: 129}))
		require.Equal(t, "3", replay(t, hub, "a"))
		require.Empty(t, replay(t, hub, "b"))
		require.NoError(t, hub.TrimLog(t.Context(), transport.Retention{MaxBytes: 128}))
		require.Empty(t, replay(t, hub, "a"))
	})
}

func TestHubKeepsNothingWithoutKeep(t *testing.T) {
	hub := memory.NewHub()
	s := openLog(t, hub, "a")
	require.NoError(t, hub.Publish(t.Context(), message("1")))
	r := record("a", "2")
	r.Keep = false
	require.NoError(t, hub.Append(t.Context(), []transport.Record{r}))
	for _, want := range []string{"1", "2"} {
		got, err := s.ReceiveRecord(t.Context())
		require.NoError(t, err)
		require.Equal(t, transport.Record{Message: message(want)}, got)
	}
	info, err := hub.InspectLog(t.Context(), "")
	require.NoError(t, err)
	require.Zero(t, info.Bytes)
	require.Empty(t, info.Channels)
}

func TestLoseMakesAHole(t *testing.T) {
	hub := memory.NewHub()
	one, two := openLog(t, hub, "a"), openLog(t, hub, "a")
	hub.Lose(func(session int, r transport.Record) bool { return session == 1 && string(r.Payload) == "2" })
	all := appendAll(t, hub, "a", "1", "2", "3")
	for _, want := range []transport.Record{all[0], all[2]} {
		got, err := one.ReceiveRecord(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, want := range all {
		got, err := two.ReceiveRecord(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Equal(t, all[1].Offset, all[2].Previous)
	require.Equal(t, "1 2 3", replay(t, hub, "a"))
}

func TestNewEpochBeginsAnEmptyLog(t *testing.T) {
	hub := memory.NewHub()
	s := openLog(t, hub, "a")
	old := appendAll(t, hub, "a", "1", "2")
	hub.NewEpoch()
	young := appendAll(t, hub, "a", "3")
	require.NotEqual(t, old[0].Epoch, young[0].Epoch)
	require.Zero(t, young[0].Previous)
	require.Equal(t, "3", replay(t, hub, "a"))
	_, err := hub.Replay(t.Context(), "a", old[0].Position(), transport.ReadLimit{})
	require.ErrorIs(t, err, transport.ErrEpoch)
	for _, want := range []transport.Record{old[0], old[1], young[0]} {
		got, err := s.ReceiveRecord(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestTrimByHand(t *testing.T) {
	hub := memory.NewHub()
	all := appendAll(t, hub, "a", "1", "2", "3")
	appendAll(t, hub, "b", "4")
	hub.Trim("a", all[1].Offset)
	hub.Trim("unused", all[1].Offset)
	require.Equal(t, "3", replay(t, hub, "a"))
	_, err := hub.Replay(t.Context(), "a", all[0].Position(), transport.ReadLimit{})
	require.ErrorIs(t, err, transport.ErrTrimmed)
	hub.TrimAll()
	require.Empty(t, replay(t, hub, "a"))
	require.Empty(t, replay(t, hub, "b"))
	next := appendAll(t, hub, "a", "5")
	require.Equal(t, all[2].Offset, next[0].Previous)
}

func TestFailLogKeepsAndSendsNothing(t *testing.T) {
	hub := memory.NewHub()
	s := openLog(t, hub, "a")
	full := errors.New("disk full")
	hub.FailLog(full)
	unkept := record("a", "1")
	unkept.Keep = false
	err := hub.Append(t.Context(), []transport.Record{unkept, record("a", "2")})
	require.ErrorIs(t, err, full)
	require.ErrorIs(t, err, transport.ErrNotSent)
	require.NoError(t, hub.Append(t.Context(), []transport.Record{unkept}), "what is not kept needs no log")
	hub.Heal()
	appendAll(t, hub, "a", "3")
	for _, want := range []string{"1", "3"} {
		require.Equal(t, want, receive(t, s))
	}
	require.Equal(t, "3", replay(t, hub, "a"))
}

func TestAppendThatGivesUpWaitingKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Buffer: 1, Patience: time.Hour})
		one, full := openLog(t, hub, "a"), openLog(t, hub, "a")
		appendAll(t, hub, "a", "1")
		require.Equal(t, "1", receive(t, one))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, hub.Append(ctx, []transport.Record{record("a", "2")}), context.DeadlineExceeded)
		require.Equal(t, "1", replay(t, hub, "a"))
		require.Equal(t, "1", receive(t, full))
		appendAll(t, hub, "a", "3")
		require.Equal(t, "3", receive(t, one))
		require.Equal(t, "3", receive(t, full))
		require.Equal(t, "1 3", replay(t, hub, "a"))
	})
}

func TestSessionThatListensWhileAppendWaitsReceivesTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Buffer: 1, Patience: time.Hour})
		full := openLog(t, hub, "a")
		appendAll(t, hub, "a", "1")
		done := make(chan error, 1)
		go func() { done <- hub.Append(t.Context(), []transport.Record{record("a", "2")}) }()
		synctest.Wait()
		late := openLog(t, hub, "a")
		require.Equal(t, "1", replay(t, hub, "a"))
		require.Equal(t, "1", receive(t, full))
		require.NoError(t, <-done)
		require.Equal(t, "2", receive(t, late))
	})
}

func TestClientsOfAnUnreachableHub(t *testing.T) {
	hub := memory.NewHub()
	hub.Fail(nil)
	require.ErrorIs(t, hub.PrepareSessions(t.Context()), memory.ErrOutage)
	_, err := hub.Bounds(t.Context(), "a")
	require.ErrorIs(t, err, memory.ErrOutage)
	_, err = hub.OpenLog(t.Context())
	require.ErrorIs(t, err, memory.ErrOutage)
	hub.Heal()
	require.NoError(t, hub.PrepareSessions(t.Context()))
}
