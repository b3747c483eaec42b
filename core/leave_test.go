package core_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/storage/memory"
	hubs "github.com/backplane-go/backplane/transport/memory"
)

// gatedStore answers Get once its gate is open.
type gatedStore struct {
	storage.Store
	gate chan struct{}
}

func (s gatedStore) Get(ctx context.Context, id string) ([]byte, error) {
	select {
	case <-s.gate:
		return s.Store.Get(ctx, id)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// What a peer sent before its leave message may still have to be read, and the requests of that time wait for it. A
// request that begins after the leave message does not wait for it.
func TestRequestAfterALeaveMessageDoesNotWaitForThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := hubs.NewHub()
		store := gatedStore{memory.NewStore(), make(chan struct{})}
		ns := join(t, open(t, hub, func(c *core.Config) { c.Store = store }), "/", nil)
		p := newPuppet(t, hub, "/", "a")
		p.live("a")
		for _, uid := range []string{"a", "b"} {
			p.say(codec.Envelope{Type: codec.Heartbeat, UID: uid})
		}
		synctest.Wait()
		require.Equal(t, []string{"a", "b"}, ns.Peers())
		requestID := func(n int) string { // of the nth request
			synctest.Wait()
			var ids []string
			for _, env := range p.heard.all() {
				if env.Type == codec.FetchSockets {
					ids = append(ids, env.RequestID)
				}
			}
			require.Len(t, ids, n)
			return ids[n-1]
		}
		fetch := func() <-chan error {
			done := make(chan error, 1)
			go func() {
				_, err := ns.FetchSockets(t.Context())
				done <- err
			}()
			return done
		}
		first := fetch()
		p.say(codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: requestID(1)})
		// the receive queue waits for it
		p.say(codec.Envelope{Type: codec.FetchSocketsResponse, UID: "b", RequesterUID: ns.UID(), AttachmentID: "1"})
		p.say(codec.Envelope{Type: codec.AdapterClose, UID: "b"})
		synctest.Wait()
		require.Equal(t, []string{"a"}, ns.Peers())

		second := fetch()
		p.say(codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: requestID(2)})
		close(store.gate)
		var partial *core.PartialError
		require.ErrorAs(t, <-first, &partial)
		assert.Equal(t, []string{"b"}, partial.Left, "it was asked before it left")
		assert.NoError(t, <-second, "it had left before")
	})
}

// A request that begins as soon as a peer is seen to have left must not report it. A leave message without a key proves
// nothing, so the request asks the peer too, and forgets it when it does not answer.
func TestRequestBegunAtOnceAfterALeaveMessageDoesNotReportThePeer(t *testing.T) {
	hub := hubs.NewHub()
	ns := join(t, open(t, hub, func(c *core.Config) { c.HeartbeatInterval = 20 * time.Millisecond }), "/", nil)
	p := newPuppet(t, hub, "/", "b0")
	for i := range 200 {
		uid := "b" + strconv.Itoa(i)
		p.live(uid)
		p.say(codec.Envelope{Type: codec.Heartbeat, UID: uid})
		require.NoError(t, ns.WaitForPeers(t.Context(), 1))
		p.live()
		done := make(chan error, 1)
		go func() {
			for ns.ServerCount() > 1 {
			}
			_, err := ns.FetchSockets(t.Context())
			done <- err
		}()
		p.say(codec.Envelope{Type: codec.AdapterClose, UID: uid})
		require.NoError(t, <-done)
	}
}
