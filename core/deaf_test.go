package core_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestRequestsOfADeafNodeReturnErrDeaf(t *testing.T) {
	asks := map[string]func(ctx context.Context, ns *core.Namespace) (int, error){
		"FetchSockets": func(ctx context.Context, ns *core.Namespace) (int, error) {
			sockets, err := ns.FetchSockets(ctx)
			return len(sockets), err
		}, "EmitWithAck": func(ctx context.Context, ns *core.Namespace) (int, error) {
			answers, err := ns.EmitWithAck(ctx, "a")
			return len(answers), err
		}, "ServerSideEmitWithAck": func(ctx context.Context, ns *core.Namespace) (int, error) {
			answers, err := ns.ServerSideEmitWithAck(ctx, "a")
			return len(answers) + 1, err
		},
	}
	for name, ask := range asks {
		t.Run(name+"/EndWithWhatItKnows", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				b := &bus{Bus: hub}
				here, _ := crowd("here")
				there, _ := crowd("there")
				ns, other := join(t, open(t, b), "/", here), join(t, open(t, hub), "/", there)
				require.NoError(t, ns.WaitForPeers(t.Context(), 1))
				b.refuse()
				b.sever(errBroken)
				synctest.Wait()
				start := time.Now()
				n, err := ask(t.Context(), ns)
				assert.Zero(t, time.Since(start), "a deaf node cannot wait for answers")
				assert.Equal(t, 1, n)
				var partial *core.PartialError
				require.ErrorAs(t, err, &partial)
				assert.ErrorIs(t, err, core.ErrDeaf)
				assert.Equal(t, []string{other.UID()}, partial.Missing)
				b.heal()
				time.Sleep(10 * time.Second)
				n, err = ask(t.Context(), ns)
				if name != "ServerSideEmitWithAck" { // the registry does not answer it
					assert.NoError(t, err)
					assert.Equal(t, 2, n)
				}
			})
		})
		t.Run(name+"/SayThatItBecameDeaf", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				b := &bus{Bus: hub}
				here, _ := crowd("here")
				ns := join(t, open(t, b), "/", here)
				mute := &bus{Bus: hub} // its answers get lost
				mute.fault(faults{publish: func(ctx context.Context, next transport.Bus,
					msgs []transport.Message) error {
					return next.Publish(ctx, slices.DeleteFunc(slices.Clone(msgs), func(m transport.Message) bool {
						return strings.Contains(string(m.Payload), "requestId")
					})...)
				}})
				other := join(t, open(t, mute), "/", nil)
				require.NoError(t, ns.WaitForPeers(t.Context(), 1))
				time.AfterFunc(time.Second, func() { b.sever(errBroken) })
				n, err := ask(t.Context(), ns)
				assert.Equal(t, 1, n)
				var partial *core.PartialError
				require.ErrorAs(t, err, &partial)
				assert.ErrorIs(t, err, core.ErrTimeout)
				assert.ErrorIs(t, err, core.ErrDeaf, "it may have answered while the node could not hear it")
				assert.Equal(t, []string{other.UID()}, partial.Missing)

				_, err = ask(t.Context(), ns)
				assert.NotErrorIs(t, err, core.ErrDeaf)
			})
		})
	}
}
