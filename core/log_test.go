package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	hubs "github.com/backplane-go/backplane/transport/memory"
)

func TestAllClientsOfALoggedNamespaceGetOneOrder(t *testing.T) {
	hub := hubs.NewHub()
	nodes := []*logNode{newLogNode(t, hub), newLogNode(t, hub), newLogNode(t, hub)}
	const each = 200
	var group sync.WaitGroup
	for i, n := range nodes {
		group.Go(func() { emitAll(t, n.Namespace, fmt.Sprint(i, "-"), 0, each) })
	}
	group.Wait()
	first := nodes[0].local.got.wait(t, 3*each)
	require.Len(t, first, 3*each)
	for _, n := range nodes[1:] {
		require.Equal(t, first, n.local.got.wait(t, 3*each))
	}
	for i := range first[1:] {
		require.True(t, first[i].at.Before(first[i+1].at))
	}
	for i := range nodes {
		var own []string
		for _, d := range first {
			if strings.HasPrefix(d.text, fmt.Sprint(i, "-")) {
				own = append(own, d.text)
			}
		}
		require.Len(t, own, each)
		require.True(t, slices.IsSortedFunc(own, func(a, b string) int {
			var x, y, n int
			_, _ = fmt.Sscanf(a, "%d-%d", &n, &x)
			_, _ = fmt.Sscanf(b, "%d-%d", &n, &y)
			return x - y
		}), "a node's events keep their order")
	}
}

func TestLocalFirstDeliversToOwnClientsAtOnce(t *testing.T) {
	hub := hubs.NewHub()
	local := func(c *core.Config) { c.Log.Order = core.OrderLocalFirst }
	a, b := newLogNode(t, hub, local), newLogNode(t, hub, local)
	require.NoError(t, a.Emit(t.Context(), "e", "1"))
	require.Equal(t, []delivered{{"1", core.Position{}}}, a.local.got.all(), "when Emit returns")
	require.Equal(t, []string{"1"}, b.local.texts(t, 1))
	require.NoError(t, b.Emit(t.Context(), "e", "2"))
	require.Equal(t, []string{"1", "2"}, a.local.texts(t, 2), "its own event is not delivered twice")
	order, logged := a.LogOrder()
	require.True(t, logged)
	require.Equal(t, core.OrderLocalFirst, order)
}

// A node that hears a new epoch while it is connected goes on with it.
func TestEventThatIsCertainlyNotKeptReachesOwnClientsOnly(t *testing.T) {
	hub := hubs.NewHub()
	a, b := newLogNode(t, hub), newLogNode(t, hub)
	full := errors.New("disk full")
	hub.FailLog(full)
	require.ErrorIs(t, a.Emit(t.Context(), "e", "1"), full)
	require.NoError(t, a.EmitAsync("e", "2"))
	require.Equal(t, []string{"1", "2"}, a.local.texts(t, 2))
	require.True(t, a.local.got.all()[0].at.IsZero(), "it has no place in the log")
	require.NoError(t, a.Volatile().Emit(t.Context(), "e", "volatile"), "only the log has failed")
	require.Equal(t, []string{"volatile"}, b.local.texts(t, 1))
	hub.Heal()
	require.NoError(t, a.Emit(t.Context(), "e", "3"))
	require.Equal(t, []string{"volatile", "3"}, b.local.texts(t, 2))
	require.Equal(t, []string{"1", "2", "volatile", "3"}, a.local.texts(t, 4))
	events, err := a.History(t.Context(), core.Position{}, 0)
	require.NoError(t, err)
	require.Len(t, events, 1)
}

// If the outcome is unknown, the log decides: all clients get the event, or none.
func TestEventOfUnknownOutcomeIsDeliveredByTheLogAlone(t *testing.T) {
	for name, sent := range map[string]bool{"Sent": true, "NotSent": false} {
		t.Run(name, func(t *testing.T) {
			hub := hubs.NewHub()
			a, b := newLogNode(t, hub), newLogNode(t, hub)
			a.bus.setAppend(func(ctx context.Context, records []transport.Record) error {
				if sent {
					_ = hub.Append(ctx, records)
				}
				return errBroken
			})
			require.ErrorIs(t, a.Emit(t.Context(), "e", "1"), core.ErrUnconfirmed)
			a.bus.setAppend(nil)
			require.NoError(t, a.Emit(t.Context(), "e", "2"))
			want := []string{"2"}
			if sent {
				want = []string{"1", "2"}
			}
			for _, n := range []*logNode{a, b} {
				require.Equal(t, want, n.local.texts(t, len(want)))
			}
		})
	}
}

func TestOnlySomeMessagesAreKept(t *testing.T) {
	hub := hubs.NewHub()
	a, b := newLogNode(t, hub), newLogNode(t, hub)
	ctx := t.Context()
	require.NoError(t, a.WaitForPeers(ctx, 1))
	require.NoError(t, a.Emit(ctx, "kept", "1"))
	require.NoError(t, a.Volatile().Emit(ctx, "volatile", "2"))
	require.NoError(t, a.Local().Emit(ctx, "local", "3"))
	_, err := a.EmitWithAck(ctx, "ack", "4")
	require.NoError(t, err)
	require.NoError(t, a.ServerSideEmit(ctx, "server", "5"))
	require.NoError(t, a.To("r").SocketsJoin(ctx, "s"))
	require.NoError(t, a.To("r").SocketsLeave(ctx, "s"))
	require.NoError(t, a.To("r").DisconnectSockets(ctx, false))
	_, err = a.FetchSockets(ctx)
	require.NoError(t, err)
	var kept []codec.Type
	start := core.Position{}
	for _, d := range b.local.got.wait(t, 2) {
		if d.text == "1" {
			start = d.at
		} else {
			require.True(t, d.at.IsZero())
		}
	}
	for e, err := range a.ReadLog(ctx, start) {
		require.NoError(t, err)
		kept = append(kept, e.Type)
	}
	changes := []codec.Type{codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets}
	require.Equal(t, append([]codec.Type{codec.ServerSideEmit}, changes...), kept)
	require.Equal(t, kept, b.local.kept.wait(t, len(kept)), "LocalSockets learns their places")
	require.Equal(t, changes, a.local.kept.wait(t, len(changes)), "its own event to servers is not for it")
}

func TestOnlyTheChosenNamespacesAreLogged(t *testing.T) {
	hub := hubs.NewHub()
	cluster := open(t, hub, func(c *core.Config) { c.Log = &core.LogConfig{Namespaces: []string{"/kept"}} })
	ns, other := join(t, cluster, "/kept", nil), join(t, cluster, "/other", nil)
	require.NoError(t, ns.Emit(t.Context(), "e"))
	require.NoError(t, other.Emit(t.Context(), "e"))
	events, err := ns.History(t.Context(), core.Position{}, 0)
	require.NoError(t, err)
	require.Len(t, events, 1)
	_, err = other.History(t.Context(), core.Position{}, 0)
	require.ErrorIs(t, err, core.ErrNotLogged)
	_, err = other.Head(t.Context())
	require.ErrorIs(t, err, core.ErrNotLogged)
	_, logged := other.LogOrder()
	require.False(t, logged)
}

func TestPeersTellTheirPositions(t *testing.T) {
	hub := hubs.NewHub()
	fast := func(c *core.Config) { c.HeartbeatInterval = 20 * time.Millisecond }
	a, b := newLogNode(t, hub, fast), newLogNode(t, hub, fast)
	emitAll(t, a.Namespace, "", 0, 3)
	b.local.texts(t, 3)
	head, err := a.Head(t.Context())
	require.NoError(t, err)
	c := newLogNode(t, hub, fast)
	require.Eventually(t, func() bool {
		at := c.PeerPositions()
		return at[a.UID()] == head && at[b.UID()] == head
	}, 2*time.Minute, time.Millisecond)
	require.NoError(t, b.Close(t.Context()))
	require.Eventually(t, func() bool { return len(c.PeerPositions()) == 1 }, 2*time.Minute, time.Millisecond)
}

func TestTakenSessionReachesItsOwnerOnly(t *testing.T) {
	hub := hubs.NewHub()
	a, b, c := newLogNode(t, hub), newLogNode(t, hub), newLogNode(t, hub)
	require.NoError(t, a.TakenSession(b.UID(), "socket"))
	require.NoError(t, a.Emit(t.Context(), "e", "after"))
	require.Equal(t, []string{"socket"}, b.local.taken.wait(t, 1))
	c.local.texts(t, 1)
	require.Empty(t, c.local.taken.all())
	require.Empty(t, a.local.taken.all())
}

// Events that are sent before a namespace listens reach its own clients once.
func TestNamespaceAsyncDeliversEarlyEventsOnce(t *testing.T) {
	for range 20 {
		hub := hubs.NewHub()
		cluster := open(t, hub, func(c *core.Config) { c.Log = &core.LogConfig{} })
		local := newListenerSockets()
		ns, err := cluster.NamespaceAsync("/", local)
		require.NoError(t, err)
		var want []string
		for i := range 200 {
			require.NoError(t, ns.EmitAsync("e", fmt.Sprint(i)))
			want = append(want, fmt.Sprint(i))
		}
		require.NoError(t, ns.Emit(t.Context(), "e", "last"))
		got := local.texts(t, 201)
		slices.Sort(got)
		want = append(want, "last")
		slices.Sort(want)
		require.Equal(t, want, got)
	}
}

func TestLogNeedsABusThatKeepsMessages(t *testing.T) {
	var config *core.ConfigError
	_, err := core.New(core.Config{Bus: &bus{Bus: hubs.NewHub()}, Log: &core.LogConfig{}})
	require.ErrorAs(t, err, &config)
	require.Equal(t, "Log", config.Field)
	for name, l := range map[string]core.LogConfig{
		"Log.MaxAge": {MaxAge: -1}, "Log.MaxBytes": {MaxBytes: -1}, "Log.Order": {Order: 7},
	} {
		_, err := core.New(core.Config{Bus: hubs.NewHub(), Log: &l})
		require.ErrorAs(t, err, &config)
		require.Equal(t, name, config.Field)
	}
}
