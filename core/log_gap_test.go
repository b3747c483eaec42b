package core_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	hubs "github.com/backplane-go/backplane/transport/memory"
)

func TestWhatANodeMissesIsReplayedOnceAndInOrder(t *testing.T) {
	for name, miss := range map[string]func(t *testing.T, hub *hubs.Hub, b *logNode, while func()){
		"BrokenSession": func(t *testing.T, _ *hubs.Hub, b *logNode, while func()) {
			b.bus.faults.refuse()
			b.bus.faults.sever(errBroken)
			b.lost.wait(t, 1)
			while()
			b.bus.faults.heal()
		},
		"LostMessages": func(_ *testing.T, hub *hubs.Hub, _ *logNode, while func()) {
			n := 0
			hub.Lose(func(session int, _ transport.Record) bool {
				n++
				return session == 2 && n%3 == 0
			})
			while()
			hub.Lose(nil)
		},
		"FullQueue": func(t *testing.T, _ *hubs.Hub, b *logNode, while func()) {
			gate := make(chan struct{})
			b.local.hold = sync.OnceFunc(func() { <-gate })
			while()
			close(gate)
		},
	} {
		t.Run(name, func(t *testing.T) {
			hub := hubs.NewHub()
			a := newLogNode(t, hub)
			b := newLogNode(t, hub, func(c *core.Config) { c.ReceiveQueue = 16 })
			var want []string
			miss(t, hub, b, func() { want = emitAll(t, a.Namespace, "missed ", 0, 500) })
			want = append(want, emitAll(t, a.Namespace, "live ", 0, 100)...)
			require.Equal(t, want, b.local.texts(t, len(want)))
			require.Equal(t, want, a.local.texts(t, len(want)))
			require.NotZero(t, b.cluster.Stats().Replayed)
			for _, err := range b.errs.all() {
				var dropped *core.DropError
				require.False(t, errors.As(err, &dropped) && dropped.Type == codec.Broadcast, "%v", err)
			}
		})
	}
}

func TestGapErrorSaysThatTheGapWasFilled(t *testing.T) {
	hub := hubs.NewHub()
	a, b := newLogNode(t, hub), newLogNode(t, hub)
	b.bus.faults.refuse()
	b.bus.faults.sever(errBroken)
	b.lost.wait(t, 1)
	emitAll(t, a.Namespace, "", 0, 20)
	b.bus.faults.heal()
	gap := b.gaps.wait(t, 1)[0]
	assert.True(t, gap.Filled)
	assert.Positive(t, gap.Replayed)
	assert.LessOrEqual(t, gap.Replayed, 20)
	assert.Empty(t, gap.Unfilled)
	assert.ErrorIs(t, gap, errBroken)
	assert.Contains(t, gap.Error(), fmt.Sprintf("the log has filled the gap (%d messages)", gap.Replayed))
	assert.Len(t, b.local.texts(t, 20), 20, "it is reported after the messages")
}

func TestGapThatTheLogCannotFillIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		lose   func(hub *hubs.Hub, head core.Position)
		reason error
	}{
		"Trimmed":  {func(hub *hubs.Hub, _ core.Position) { hub.TrimAll() }, core.ErrPositionTrimmed},
		"NewEpoch": {func(hub *hubs.Hub, _ core.Position) { hub.NewEpoch() }, core.ErrPositionEpoch},
	} {
		t.Run(name, func(t *testing.T) {
			hub := hubs.NewHub()
			a, b := newLogNode(t, hub), newLogNode(t, hub)
			emitAll(t, a.Namespace, "before ", 0, 3)
			b.local.texts(t, 3)
			b.bus.faults.refuse()
			b.bus.faults.sever(errBroken)
			b.lost.wait(t, 1)
			emitAll(t, a.Namespace, "lost ", 0, 3)
			head, err := a.Head(t.Context())
			require.NoError(t, err)
			c.lose(hub, head)
			b.bus.faults.heal()
			gap := b.gaps.wait(t, 1)[0]
			require.False(t, gap.Filled)
			require.Len(t, gap.Unfilled, 1)
			require.ErrorIs(t, gap.Unfilled[0], c.reason)
			require.Equal(t, "/", gap.Unfilled[0].Namespace)
			emitAll(t, a.Namespace, "after ", 0, 3)
			require.Equal(t, []string{"before 0", "before 1", "before 2", "after 0", "after 1", "after 2"},
				b.local.texts(t, 6))
			from := b.local.from.wait(t, 2)
			require.Equal(t, gap.Unfilled[0].To.String()+" incomplete", from[1])
			reported := b.errs.all()
			require.True(t, slices.ContainsFunc(reported, func(err error) bool { return errors.Is(err, c.reason) }))
		})
	}
}

func TestNewEpochIsNoticedWhileConnected(t *testing.T) {
	hub := hubs.NewHub()
	a, b := newLogNode(t, hub), newLogNode(t, hub)
	emitAll(t, a.Namespace, "before ", 0, 2)
	b.local.texts(t, 2)
	hub.NewEpoch()
	emitAll(t, a.Namespace, "after ", 0, 2)
	for _, n := range []*logNode{a, b} {
		require.Equal(t, []string{"before 0", "before 1", "after 0", "after 1"}, n.local.texts(t, 4))
	}
}

func TestLargeMessagesAreReplayed(t *testing.T) {
	hub, store := hubs.NewHubWithConfig(hubs.Config{Limits: transport.Limits{Payload: 1000}}), memory.NewStore()
	with := func(c *core.Config) { c.Store = store }
	a, b := newLogNode(t, hub, with), newLogNode(t, hub, with)
	b.bus.faults.refuse()
	b.bus.faults.sever(errBroken)
	large := strings.Repeat("x", 5000)
	require.NoError(t, a.Emit(t.Context(), "e", large))
	require.NoError(t, a.Emit(t.Context(), "e", "small"))
	b.bus.faults.heal()
	require.Equal(t, []string{large, "small"}, b.local.texts(t, 2))
	events, err := b.History(t.Context(), core.Position{}, 0)
	require.NoError(t, err)
	require.Len(t, events, 2)
	var text string
	require.NoError(t, events[0].Args.Decode(&text))
	require.Equal(t, large, text)
}

func TestNodeGoesOnIfTheLogCannotBeRead(t *testing.T) {
	hub := hubs.NewHub()
	a := newLogNode(t, hub)
	b := newLogNode(t, hub, func(c *core.Config) {
		c.HeartbeatInterval, c.HeartbeatTimeout = 50*time.Millisecond, 100*time.Millisecond
	})
	b.bus.setReplay(func(transport.Position) error { return errBroken })
	lost := false
	hub.Lose(func(session int, _ transport.Record) bool {
		lose := session == 2 && !lost
		lost = lost || lose
		return lose
	})
	emitAll(t, a.Namespace, "", 0, 2)
	require.Equal(t, []string{"0", "1"}, a.local.texts(t, 2))
	require.Eventually(t, func() bool {
		require.NoError(t, a.Emit(t.Context(), "e", "more"))
		return len(b.local.got.all()) > 0
	}, 2*time.Minute, 20*time.Millisecond)
	require.True(t, slices.ContainsFunc(b.errs.all(), func(err error) bool {
		var gap *core.LogGap
		return errors.As(err, &gap) && errors.Is(err, errBroken)
	}))
}

// A node that hears nothing does not give up what the log has, however long it cannot be read. Later it has all.
func TestADeafNodeDoesNotGiveUpTheLog(t *testing.T) {
	const timeout = time.Second
	hub := hubs.NewHub()
	a := newLogNode(t, hub)
	b := newLogNode(t, hub, func(c *core.Config) { c.HeartbeatInterval, c.HeartbeatTimeout = timeout/2, timeout })
	deaf := make(chan struct{})
	late := make(chan struct{}, 1) // the log could still not be read long after the node could not hear
	begin := sync.OnceValue(time.Now)
	b.bus.setReplay(func(transport.Position) error {
		<-deaf // the node notices that it cannot read the log only while it hears nothing
		if time.Since(begin()) > 2*timeout {
			select {
			case late <- struct{}{}:
			default:
			}
		}
		return errBroken
	})
	lost := false
	hub.Lose(func(session int, _ transport.Record) bool {
		lose := session == 2 && !lost
		lost = lost || lose
		return lose
	})
	want := emitAll(t, a.Namespace, "", 0, 3) // b cannot read the first one, and knows that there are others
	b.bus.faults.refuse()
	b.bus.faults.sever(errBroken)
	b.lost.wait(t, 1)
	close(deaf)
	<-late
	require.Empty(t, b.local.got.all())
	b.bus.setReplay(nil)
	b.bus.faults.heal()
	require.True(t, b.gaps.wait(t, 1)[0].Filled)
	require.Equal(t, want, b.local.texts(t, 3))
}
