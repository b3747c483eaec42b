package conformance_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var concurrencyMutants = []mutant[conformance.Harness]{
	breaks("ConcurrentPublishIsSafe", "loses what is published concurrently", func(t *testing.T, b *bus) {
		var busy atomic.Int32
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			defer busy.Add(-1)
			if busy.Add(1) > 1 {
				return nil
			}
			time.Sleep(100 * time.Microsecond)
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	breaks("ConcurrentPublishIsSafe", "fails during another Publish", func(t *testing.T, b *bus) {
		var busy atomic.Int32
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			defer busy.Add(-1)
			if busy.Add(1) > 1 {
				b.Hub.Publish(ctx, msgs...)
				return errors.New("conn busy")
			}
			time.Sleep(100 * time.Microsecond)
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	breaks("ConcurrentPublishIsSafe", "uses two connections in turn without waiting for them",
		func(t *testing.T, b *bus) {
			var turn atomic.Int32
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if turn.Add(1)%2 == 0 {
					return b.Hub.Publish(ctx, msgs...)
				}
				late := deepClone(msgs)
				go func() {
					time.Sleep(time.Millisecond)
					b.Hub.Publish(ctx, late...)
				}()
				return nil
			}
		}),
	breaks("SessionsAreIndependent", "supports only one session, the last that was opened", func(t *testing.T, b *bus) {
		b.open = func(ctx context.Context) (transport.Session, error) {
			b.Hub.Sever(nil)
			return b.Hub.Open(ctx)
		}
	}),
}

var severMutants = []mutant[conformance.Harness]{
	breaksSession("SeveredListenFails", "listens successfully without a connection", func(_ *testing.T, s *session) {
		s.listen = func(ctx context.Context, channel string) error {
			s.Session.Listen(ctx, channel)
			return nil
		}
	}),
}
