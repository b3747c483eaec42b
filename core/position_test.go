package core_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	hubs "github.com/backplane-go/backplane/transport/memory"
)

func TestPositionIsText(t *testing.T) {
	for _, p := range []core.Position{
		{Epoch: "abcd", Namespace: 0, Offset: transport.Offset{}},
		{Epoch: "abcdefgh", Namespace: 1<<32 - 1, Offset: transport.Offset{Major: 1<<64 - 1, Minor: 1<<64 - 1}},
		{Epoch: "A1b2", Namespace: 12345, Offset: transport.Offset{Major: 36}},
		{Epoch: "12345678901234567890123456789012", Namespace: 1, Offset: transport.Offset{Minor: 1}},
	} {
		got, err := core.ParsePosition(p.String())
		require.NoError(t, err, p)
		require.Equal(t, p, got)
		encoded, err := json.Marshal(p)
		require.NoError(t, err)
		got = core.Position{}
		require.NoError(t, json.Unmarshal(encoded, &got))
		require.Equal(t, p, got)
	}
	var none core.Position
	require.Empty(t, none.String())
	require.NoError(t, json.Unmarshal([]byte(`""`), &none))
	require.True(t, none.IsZero())
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"", "abcd.0.0", "abcd.1.1-1", "abcd.1.1-0", "abcd.01.1", "abcd.1.1.1", "abc.1.1",
		"abcd.-1.1", "abcd.1", "abcd", "....", "abcd.1z141z4.1", "ab cd.1.1", "abcd.1.3w5e11264sgsg"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := core.ParsePosition(s)
		if err != nil {
			require.ErrorIs(t, err, core.ErrMalformedPosition)
			require.True(t, p.IsZero())
			return
		}
		require.Equal(t, s, p.String())
		require.NotEmpty(t, s)
	})
}

func TestHistory(t *testing.T) {
	hub := hubs.NewHub()
	n := newLogNode(t, hub)
	ctx := t.Context()
	other := join(t, n.cluster, "/other", nil)
	for _, text := range []string{"1", "2", "3"} {
		require.NoError(t, n.To("a").Emit(ctx, "e", "a"+text))
		require.NoError(t, n.To("b", "c").Emit(ctx, "e", "bc"+text))
		require.NoError(t, n.Emit(ctx, "e", "all"+text))
		require.NoError(t, n.To("a").SocketsJoin(ctx, "d"))
		require.NoError(t, other.Emit(ctx, "e", "other"))
	}
	texts := func(events []core.Event, err error) []string {
		require.NoError(t, err)
		got := []string{}
		for _, e := range events {
			var text string
			require.NoError(t, e.Args.Decode(&text))
			got = append(got, text)
		}
		return got
	}
	all := []string{"a1", "bc1", "all1", "a2", "bc2", "all2", "a3", "bc3", "all3"}
	none := core.Position{}
	require.Equal(t, all, texts(n.History(ctx, none, 0)))
	require.Equal(t, all[7:], texts(n.History(ctx, none, 2)), "the latest")
	require.Equal(t, []string{"a2", "a3"}, texts(n.In("a").History(ctx, none, 2)))
	require.Equal(t, []string{"a1", "bc1", "a2", "bc2", "a3", "bc3"}, texts(n.To("a", "c").History(ctx, none, 0)))
	require.Equal(t, []string{"a1", "all1", "a2", "all2", "a3", "all3"}, texts(n.Except("b").History(ctx, none, 0)))
	require.Empty(t, texts(n.In("nobody").History(ctx, none, 0)))
	require.Empty(t, texts(n.To().History(ctx, none, 0)))

	events, err := n.History(ctx, none, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c"}, events[1].Rooms)
	require.Equal(t, all[4:6], texts(n.History(ctx, events[3].Position, 2)), "the first ones after a position")
	require.Empty(t, texts(n.History(ctx, events[8].Position, 2)))
	head, err := n.Head(ctx)
	require.NoError(t, err)
	require.Empty(t, texts(n.History(ctx, head, 0)))

	failsWith := func(reason error, p core.Position) {
		t.Helper()
		_, err := n.History(ctx, p, 0)
		var e *core.PositionError
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, reason)
		require.Equal(t, p, e.Position)
		for _, err := range n.ReadLog(ctx, p) {
			require.ErrorIs(t, err, reason)
		}
	}
	otherHead, err := other.Head(ctx)
	require.NoError(t, err)
	failsWith(core.ErrPositionNamespace, otherHead)
	future := head
	future.Offset.Major++
	failsWith(core.ErrPositionFuture, future)
	epoch := head
	epoch.Epoch = "zzzz"
	failsWith(core.ErrPositionEpoch, epoch)
	hub.Trim("socket.io#/", events[2].Position.Offset)
	failsWith(core.ErrPositionTrimmed, events[0].Position)
	require.Equal(t, all[3:], texts(n.History(ctx, events[2].Position, 0)))
	var config *core.ConfigError
	_, err = n.History(ctx, none, -1)
	require.ErrorAs(t, err, &config)
}
