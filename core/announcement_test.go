package core_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestAnnouncementIsRepeatedUntilItIsPublished(t *testing.T) {
	for _, c := range []struct {
		name     string
		failures int
		within   time.Duration
	}{
		// a restart breaks the publishing connection too; the first message shows it
		{"AtOnce", 1, 200 * time.Millisecond},
		{"WithTheHeartbeats", 3, 11 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				b := &bus{Bus: hub}
				var heard log[codec.Type]
				join(t, open(t, hub, func(config *core.Config) {
					config.Trace.Received = func(_ string, typ codec.Type, _ string) { heard.add(typ) }
				}), "/", nil)
				join(t, open(t, b), "/", nil)
				synctest.Wait()
				before := len(heard.all())

				failures := c.failures
				b.fault(faults{publish: func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
					if failures > 0 {
						failures--
						return errBroken
					}
					return next.Publish(ctx, msgs...)
				}})
				b.sever(errBroken)
				time.Sleep(c.within)
				assert.Contains(t, heard.all()[before:], codec.InitialHeartbeat,
					"after a session is opened again, peers have to answer, even if the first %d messages fail",
					c.failures)
			})
		})
	}
}
