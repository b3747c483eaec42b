package core_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestLocalDeliveryDoesNotWaitForTheBus(t *testing.T) {
	for name, send := range map[string]func(ctx context.Context, ns *core.Namespace) error{
		"Emit": func(ctx context.Context, ns *core.Namespace) error { return ns.Emit(ctx, "a") },
		"EmitWithAck": func(ctx context.Context, ns *core.Namespace) error {
			_, err := ns.EmitWithAck(ctx, "a")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bus{Bus: memory.NewHub()}
				registry, clients := crowd("alice")
				ns := join(t, open(t, b), "/", registry)
				b.fault(faults{publish: func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
					<-ctx.Done() // a network that drops bytes
					return ctx.Err()
				}})
				start := time.Now()
				go send(t.Context(), ns)
				got := clients["alice"].got.wait(t, 1)
				assert.Equal(t, []string{`["a"]`}, got)
				assert.Zero(t, time.Since(start), "this process's clients get the event at once, whatever the bus does")
				b.heal()
			})
		})
	}
}
