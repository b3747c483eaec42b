package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// outageState is the state of a bus that misbehaves when it publishes after an outage.
type outageState struct {
	publish   publishFunc // Publish of the hub
	last      []transport.Message
	held      []transport.Message
	outage    int // number of outages
	failed    int // number of calls of Publish that are still to fail
	dead      bool
	published int // number of messages
}

// outageMisbehaviors are what a bus may do wrong with the first Publish after an outage.
var outageMisbehaviors = map[string]func(a *outageState, msgs []transport.Message) error{
	"is sent twice, as by a client that retries": func(a *outageState, msgs []transport.Message) error {
		a.send(msgs...)
		a.send(msgs...)
		return nil
	},
	"is sent twice from its second half on": func(a *outageState, msgs []transport.Message) error {
		a.send(msgs...)
		a.send(msgs[len(msgs)/2:]...)
		return nil
	},
	"is lost without an error": func(a *outageState, msgs []transport.Message) error { return nil },
	"loses its last message without an error": func(a *outageState, msgs []transport.Message) error {
		a.send(msgs[:len(msgs)-1]...)
		return nil
	},
	"returns an error, and is sent with the next one": func(a *outageState, msgs []transport.Message) error {
		a.held = slices.Clone(msgs)
		return errors.New("broken pipe")
	},
	"is sent, but reported as not accepted": func(a *outageState, msgs []transport.Message) error {
		a.send(msgs...)
		return &transport.RejectedError{Err: errors.New("broken pipe")}
	},
	"is sent, but reported as not sent": func(a *outageState, msgs []transport.Message) error {
		a.send(msgs...)
		return fmt.Errorf("broken pipe (%w)", transport.ErrNotSent)
	},
	"sends again what was published before the outage": func(a *outageState, msgs []transport.Message) error {
		a.send(append(slices.Clone(a.last), msgs...)...)
		return nil
	},
	"fails, and so do those after it": func(a *outageState, msgs []transport.Message) error {
		a.dead = true
		return errors.New("broken pipe")
	},
	"fails, and so does the next one": func(a *outageState, msgs []transport.Message) error {
		a.failed = 1
		return errors.New("broken pipe")
	},
	"fails with a context's error": func(a *outageState, msgs []transport.Message) error {
		return fmt.Errorf("connecting again: %w", context.DeadlineExceeded)
	},
}

func (a *outageState) send(msgs ...transport.Message) { a.publish(context.Background(), msgs...) }

var outageOccasions = map[string]func(a *outageState, msgs []transport.Message) bool{
	"a Publish":                func(*outageState, []transport.Message) bool { return true },
	"a batch":                  func(_ *outageState, msgs []transport.Message) bool { return len(msgs) > 1 },
	"a batch of more than 100": func(_ *outageState, msgs []transport.Message) bool { return len(msgs) > 100 },
	"a message of 4 KiB or more": func(_ *outageState, msgs []transport.Message) bool {
		return len(msgs[0].Payload) >= 4<<10
	},
	"a message of 64 KiB or more": func(_ *outageState, msgs []transport.Message) bool {
		return len(msgs[0].Payload) >= 64<<10
	},
	"a Publish after message 100":   func(a *outageState, _ []transport.Message) bool { return a.published > 100 },
	"a Publish after message 5,000": func(a *outageState, _ []transport.Message) bool { return a.published > 5000 },
	"a Publish on several channels": func(_ *outageState, msgs []transport.Message) bool {
		return msgs[0].Channel != msgs[len(msgs)-1].Channel
	},
	"a Publish, after the second outage": func(a *outageState, _ []transport.Message) bool { return a.outage >= 2 },
}

func outageMutants() (all []mutant[conformance.Harness]) {
	const check = "PublishAfterOutage"
	for bug, wrong := range outageMisbehaviors {
		for name, when := range outageOccasions {
			all = append(all, withMorePatience(breaks(check, name+" after an outage "+bug, func(_ *testing.T, b *bus) {
				b.publish = misbehavesAfterOutage(b, when, wrong)
			})))
		}
	}
	only := func(bug string, keep func(h *conformance.Harness)) {
		m := withMorePatience(breaks(check, bug, func(_ *testing.T, b *bus) {
			b.publish = misbehavesAfterOutage(b, outageOccasions["a Publish"],
				outageMisbehaviors["is lost without an error"])
		}))
		harness := m.harness
		m.harness = func(t *testing.T) conformance.Harness {
			h := harness(t)
			keep(&h)
			return h
		}
		all = append(all, m)
	}
	only("loses the first Publish after its sessions were severed",
		func(h *conformance.Harness) { h.SeverPublisher = nil })
	only("loses the first Publish after its publisher was severed", func(h *conformance.Harness) { h.Sever = nil })
	all = append(all, withMorePatience(breaks(check, "uses a dead connection of its pool for every second message",
		func(_ *testing.T, b *bus) {
			n := 0
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if n++; b.outages.Load() > 0 && n%2 == 0 {
					return errors.New("bad connection")
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		})))
	for bug, wrong := range lostAnswerMisbehaviors {
		all = append(all, withMorePatience(breaks(check, "a Publish whose answer is lost "+bug,
			func(_ *testing.T, b *bus) {
				b.publish = func(ctx context.Context, msgs ...transport.Message) error {
					outages := b.outages.Load()
					time.Sleep(time.Millisecond)
					if err := b.Hub.Publish(ctx, msgs...); err != nil {
						return err
					}
					time.Sleep(time.Millisecond)
					if b.outages.Load() != outages {
						return wrong(ctx, b, msgs)
					}
					return nil
				}
			})))
	}
	return append(all, noServerMutants()...)
}

// lostAnswerMisbehaviors are what a bus may do wrong when it has sent messages and the connection breaks before
// the answer has arrived.
var lostAnswerMisbehaviors = map[string]func(ctx context.Context, b *bus, msgs []transport.Message) error{
	"is sent again": func(ctx context.Context, b *bus, msgs []transport.Message) error {
		return b.Hub.Publish(ctx, msgs...)
	},
	"reports that nothing was sent": func(context.Context, *bus, []transport.Message) error {
		return fmt.Errorf("broken pipe (%w)", transport.ErrNotSent)
	},
	"reports that none was accepted": func(context.Context, *bus, []transport.Message) error {
		return &transport.RejectedError{Err: errors.New("broken pipe")}
	},
	"reports that the bus was closed": func(context.Context, *bus, []transport.Message) error {
		return transport.ErrClosed
	},
}

func misbehavesAfterOutage(b *bus, when func(*outageState, []transport.Message) bool,
	wrong func(*outageState, []transport.Message) error) publishFunc {
	var mu sync.Mutex
	a := &outageState{publish: b.Hub.Publish}
	return func(ctx context.Context, msgs ...transport.Message) error {
		mu.Lock()
		defer mu.Unlock()
		a.published += len(msgs)
		switch outages := int(b.outages.Load()); {
		case a.dead:
			return errors.New("broken pipe")
		case a.failed > 0:
			a.failed--
			return errors.New("broken pipe")
		case outages != a.outage:
			a.outage = outages
			if when(a, msgs) {
				return wrong(a, msgs)
			}
		}
		a.last = slices.Clone(msgs)
		held := a.held
		a.held = nil
		return b.Hub.Publish(ctx, append(slices.Clone(msgs), held...)...)
	}
}

func noServerMutants() []mutant[conformance.Harness] {
	const check = "NoServerFailsAtOnce"
	unreachable := func(b *bus) bool { _, err := b.Hub.Open(context.Background()); return err != nil }
	opens := func(bug string, open func(ctx context.Context, b *bus, err error) (transport.Session,
		error)) mutant[conformance.Harness] {
		return breaks(check, bug, func(t *testing.T, b *bus) {
			b.open = func(ctx context.Context) (transport.Session, error) {
				s, err := b.Hub.Open(ctx)
				if err == nil {
					return s, nil
				}
				return open(ctx, b, err)
			}
		})
	}
	publishes := func(bug string, publish func(t *testing.T, ctx context.Context,
		msgs []transport.Message) error) mutant[conformance.Harness] {
		return breaks(check, bug, func(t *testing.T, b *bus) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if unreachable(b) {
					return publish(t, ctx, msgs)
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		})
	}
	refused := errors.New("connection refused")
	return []mutant[conformance.Harness]{
		breaks(check, "Enter waits for a server", func(_ *testing.T, b *bus) {
			b.enter = func(ctx context.Context, name string) (transport.Entry, error) {
				e, err := b.Hub.Enter(ctx, name)
				if err != nil {
					<-ctx.Done()
				}
				return e, err
			}
		}),
		breaks(check, "Entries returns nobody if there is no server", func(_ *testing.T, b *bus) {
			b.entries = func(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
				infos, err := b.Hub.Entries(ctx, prefix)
				if ctx.Err() == nil {
					err = nil
				}
				return infos, err
			}
		}),
		opens("Open waits for a server", func(ctx context.Context, _ *bus, _ error) (transport.Session, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}),
		opens("Open waits for a server and then returns that the connection was refused",
			func(ctx context.Context, _ *bus, err error) (transport.Session, error) {
				<-ctx.Done()
				return nil, err
			}),
		opens("Open tries for 100 ms", func(_ context.Context, _ *bus, err error) (transport.Session, error) {
			time.Sleep(100 * time.Millisecond)
			return nil, err
		}),
		opens("Open returns the error of its own context",
			func(context.Context, *bus, error) (transport.Session, error) {
				return nil, context.DeadlineExceeded
			}),
		opens("Open succeeds and connects later", func(_ context.Context, _ *bus, err error) (transport.Session,
			error) {
			return new(session), nil
		}),
		opens("Open reports that the bus is closed", func(context.Context, *bus, error) (transport.Session, error) {
			return nil, transport.ErrClosed
		}),
		breaks(check, "Open leaves a goroutine behind that continues connecting", func(t *testing.T, b *bus) {
			b.open = func(ctx context.Context) (transport.Session, error) {
				s, err := b.Hub.Open(ctx)
				if err != nil {
					go func() { <-t.Context().Done() }()
				}
				return s, err
			}
		}),
		publishes("Publish waits for a server", func(_ *testing.T, ctx context.Context, _ []transport.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}),
		publishes("Publish keeps the message until there is a server",
			func(*testing.T, context.Context, []transport.Message) error { return nil }),
		publishes("Publish keeps batches until there is a server",
			func(_ *testing.T, _ context.Context, msgs []transport.Message) error {
				if len(msgs) > 1 {
					return nil
				}
				return refused
			}),
		publishes("Publish reports unsent messages as accepted",
			func(_ *testing.T, _ context.Context, msgs []transport.Message) error {
				return &transport.RejectedError{Accepted: len(msgs), Err: refused}
			}),
		publishes("Publish returns the error of its own context",
			func(*testing.T, context.Context, []transport.Message) error {
				return fmt.Errorf("dial: %w", context.DeadlineExceeded)
			}),
		publishes("Publish leaves a goroutine behind", func(t *testing.T, _ context.Context,
			_ []transport.Message) error {
			go func() { <-t.Context().Done() }()
			return refused
		}),
		breaks(check, "Close waits for a server", func(t *testing.T, b *bus) {
			b.closer = true
			b.close = func(ctx context.Context) error {
				if unreachable(b) {
					<-t.Context().Done()
				}
				return nil
			}
		}),
	}
}
