package core_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	hubs "github.com/backplane-go/backplane/transport/memory"
)

func TestNodesWithAndWithoutALogNoticeEachOther(t *testing.T) {
	hub := hubs.NewHub()
	fast := func(c *core.Config) { c.HeartbeatInterval = 20 * time.Millisecond }
	var plainErrs log[error]
	a := newLogNode(t, hub, fast)
	plain := join(t, open(t, hub, fast, func(c *core.Config) { c.ErrorHandler = plainErrs.add }), "/", nil)
	for _, c := range []struct {
		errs   *log[error]
		other  string
		logged bool
	}{{&a.errs, plain.UID(), false}, {&plainErrs, a.UID(), true}} {
		var mismatch *core.LogMismatchError
		require.ErrorAs(t, c.errs.wait(t, 1)[0], &mismatch)
		require.Equal(t, core.LogMismatchError{Namespace: "/", UID: c.other, Logged: c.logged}, *mismatch)
	}
}

// message returns an event as a node or an emitter without a log sends it.
func message(ns *core.Namespace, uid, flags string) transport.Message {
	return transport.Message{Channel: ns.Channel(), Payload: fmt.Appendf(nil, `{"type":3,"uid":"%s","nsp":"/","data":{`+
		`"opts":{"rooms":[],"except":[],"flags":{%s}},"packet":{"type":2,"data":["e","%[1]s"]}}}`, uid, flags)}
}

// An emitter without a log is reported once. Volatile events, which no log keeps, say nothing, and neither do nodes of
// Node.js, which have no logs.
func TestEmittersWithoutALogAreNoticed(t *testing.T) {
	hub := hubs.NewHub()
	a := newLogNode(t, hub)
	for _, m := range []transport.Message{
		message(a.Namespace, "0123456789abcdef", ""), message(a.Namespace, codec.EmitterUID, `"volatile":true`),
	} {
		require.NoError(t, hub.Publish(t.Context(), m))
	}
	a.local.texts(t, 2)
	require.Empty(t, a.errs.all())
	require.Zero(t, a.cluster.Stats().Unkept)
	for range 3 {
		require.NoError(t, hub.Publish(t.Context(), message(a.Namespace, codec.EmitterUID, "")))
	}
	a.local.texts(t, 5)
	require.Equal(t, uint64(3), a.cluster.Stats().Unkept)
	var mismatch *core.LogMismatchError
	require.Len(t, a.errs.all(), 1)
	require.ErrorAs(t, a.errs.all()[0], &mismatch)
	require.Equal(t, core.LogMismatchError{Namespace: "/", UID: codec.EmitterUID}, *mismatch)
	require.ErrorContains(t, mismatch, "an emitter")
}

// A node without a log that is here for a moment, so that it cannot say that it has none, is noticed by what it sends.
func TestNodesWithoutALogAreNoticedByWhatTheySend(t *testing.T) {
	hub := hubs.NewHub()
	a := newLogNode(t, hub) // it tells peers about its log when it sends heartbeats, which is not during the test
	cluster := open(t, hub)
	plain := join(t, cluster, "/", nil)
	require.NoError(t, plain.Emit(t.Context(), "e", "1"))
	require.NoError(t, plain.Emit(t.Context(), "e", "2"))
	require.NoError(t, plain.Volatile().Emit(t.Context(), "e", "3"))
	require.NoError(t, cluster.Close(t.Context()))
	require.Equal(t, []string{"1", "2", "3"}, a.local.texts(t, 3))
	require.Equal(t, uint64(2), a.cluster.Stats().Unkept)
	var mismatch *core.LogMismatchError
	require.Len(t, a.errs.all(), 1)
	require.ErrorAs(t, a.errs.all()[0], &mismatch)
	require.Equal(t, core.LogMismatchError{Namespace: "/", UID: plain.UID()}, *mismatch)
}
