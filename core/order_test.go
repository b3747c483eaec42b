package core_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport/memory"
)

// hesitant is a LocalSockets that calls a function before each broadcast.
type hesitant struct {
	core.LocalSockets
	before func()
}

func (h hesitant) Broadcast(p *core.Packet, to core.Selector) {
	h.before()
	h.LocalSockets.Broadcast(p, to)
}

// The receiver may be delayed anywhere: here it is between receiving a message and queueing it.
func TestDelayBeforeQueueingKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		registry, clients := crowd("alice")
		var received log[string]
		join(t, open(t, hub, func(c *core.Config) {
			c.Trace.Received = func(_ string, typ codec.Type, _ string) {
				if typ != codec.Broadcast {
					return
				}
				received.add("")
				if len(received.all()) == 1 {
					time.Sleep(time.Second)
				}
			}
		}), "/", registry)
		p := newPuppet(t, hub, "/", "puppet")
		for i := range 3 {
			p.say(codec.Envelope{Type: codec.Broadcast, Args: args("n", i)})
			synctest.Wait()
		}
		assert.Equal(t, []string{`["n",0]`, `["n",1]`, `["n",2]`}, clients["alice"].got.wait(t, 3))
	})
}

// Messages come alone and in bursts, small and as attachments, while the receiver, LocalSockets and the store are
// delayed at random.
func TestOrderIsKeptWhateverIsDelayed(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0)) // of the sender
				holdUp := func(one int) func() {
					random := rand.New(rand.NewPCG(seed, uint64(one)))
					return func() {
						if random.IntN(one) == 0 {
							time.Sleep(time.Duration(random.Int64N(int64(400 * time.Millisecond))))
						}
					}
				}
				hub := memory.NewHubWithConfig(smallLimits)
				store := slowStore{memstore.NewStore(), 100 * time.Millisecond}
				registry, clients := crowd("alice")
				stalled := holdUp(40)
				join(t, open(t, hub, func(c *core.Config) {
					c.Store = store
					c.HeartbeatTimeout = time.Hour // a session that is delayed is not deaf
					c.Trace.Received = func(string, codec.Type, string) { stalled() }
				}), "/", hesitant{registry, holdUp(20)})
				ns := join(t, open(t, hub, func(c *core.Config) { c.Store = store }), "/", nil)
				var want []string
				for i := range 300 {
					text := ""
					if random.IntN(10) == 0 {
						text = strings.Repeat("x", 200)
					}
					if random.IntN(2) == 0 {
						require.NoError(t, ns.EmitAsync("n", i, text))
					} else {
						require.NoError(t, ns.Emit(t.Context(), "n", i, text))
					}
					want = append(want, fmt.Sprintf(`["n",%d,%q]`, i, text))
					if random.IntN(3) == 0 {
						time.Sleep(time.Duration(random.Int64N(int64(50 * time.Millisecond))))
					}
				}
				assert.Equal(t, want, clients["alice"].got.wait(t, len(want)))
			})
		})
	}
}
