package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// rejectedMutants report rejected messages incorrectly.
func rejectedMutants() (all []mutant[conformance.Harness]) {
	const check = "UnsentMessagesDoNotArrive"
	// refusing returns a mutant that changes the error of a rejected batch, or sends other messages.
	refusing := func(bug string, of func(b *bus, accepted int, msgs []transport.Message,
		err *transport.RejectedError) error) {
		all = append(all, withMorePatience(breaksLimited(check, bug, textLimits, func(_ *testing.T, b *bus) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				err := b.Hub.Publish(ctx, msgs...)
				var rejected *transport.RejectedError
				if errors.As(err, &rejected) {
					return of(b, rejected.Accepted, msgs, rejected)
				}
				return err
			}
		})))
	}
	for _, n := range []int{0, 1, 50, 64, 1000, 2000, 4500} {
		name := fmt.Sprintf(" if more than %d messages precede it", n)
		if n == 0 {
			name = ""
		}
		refusing("counts one too few as accepted"+name, func(_ *bus, accepted int, _ []transport.Message,
			err *transport.RejectedError) error {
			if accepted > n {
				err.Accepted--
			}
			return err
		})
		refusing("counts none as accepted"+name, func(_ *bus, accepted int, _ []transport.Message,
			err *transport.RejectedError) error {
			if accepted > n {
				err.Accepted = 0
			}
			return err
		})
		refusing("reports that nothing was sent"+name, func(_ *bus, accepted int, _ []transport.Message,
			err *transport.RejectedError) error {
			if accepted > n {
				return errors.Join(err.Err, transport.ErrNotSent)
			}
			return err
		})
		refusing("sends the message before it again"+name,
			func(b *bus, accepted int, msgs []transport.Message, err *transport.RejectedError) error {
				if accepted > n {
					b.Hub.Publish(context.Background(), msgs[accepted-1])
				}
				return err
			})
	}
	refusing("counts the rejected message as accepted", func(_ *bus, accepted int, _ []transport.Message,
		err *transport.RejectedError) error {
		err.Accepted++
		return err
	})
	for _, n := range []int{1, 99, 2000} {
		name := fmt.Sprintf(" if at least %d follow", n)
		refusing("also sends the last message"+name, func(b *bus, accepted int, msgs []transport.Message,
			err *transport.RejectedError) error {
			if rest := msgs[accepted+1:]; len(rest) >= n {
				b.Hub.Publish(context.Background(), rest[len(rest)-1])
			}
			return err
		})
		refusing("leaves out the rejected message and sends the rest"+name,
			func(b *bus, accepted int, msgs []transport.Message, err *transport.RejectedError) error {
				if rest := msgs[accepted+1:]; len(rest) >= n {
					b.Hub.Publish(context.Background(), rest...)
					return nil
				}
				return err
			})
	}
	refusing("reports that the bus is closed", func(_ *bus, accepted int, _ []transport.Message,
		err *transport.RejectedError) error {
		return transport.ErrClosed
	})
	refusing("counts wrong after an outage", func(b *bus, accepted int, _ []transport.Message,
		err *transport.RejectedError) error {
		if b.outages.Load() > 0 {
			err.Accepted = 0
		}
		return err
	})
	return all
}
