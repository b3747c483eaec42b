package core_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestExpiredNodeBecomesAPeerAgain(t *testing.T) {
	for name, publish := range map[string]func(ctx context.Context) error{
		"its messages fail":       func(context.Context) error { return errBroken },
		"its messages are lost":   func(context.Context) error { return nil },
		"its bus does not answer": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		for _, settled := range []time.Duration{time.Minute, 0} { // with 0, not even the first heartbeat comes back
			t.Run(fmt.Sprint(name, " after ", settled), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					hub := memory.NewHub()
					b := &bus{Bus: hub}
					stays, silent := openMany(t, open(t, hub), 20), openMany(t, open(t, b), 20)
					time.Sleep(settled)
					b.fault(faults{publish: func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
						return publish(ctx)
					}})
					time.Sleep(30 * time.Second)
					for _, ns := range stays {
						require.Empty(t, ns.Peers(), "the peer was silent for too long")
					}
					b.heal()
					time.Sleep(12 * time.Second)
					for i, ns := range stays {
						require.Equal(t, []string{silent[i].UID()}, ns.Peers(),
							"the peer is back although nothing else is sent in %s",
							ns.Name())
					}
					for _, ns := range silent {
						require.Len(t, ns.Peers(), 1)
					}
				})
			})
		}
	}
}
