package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
)

var clusterTroubleChecks = []check[*clusterCase]{
	{"PublishErrorIsReturned", "An error of publishing is returned to who waits for it, and told to the ErrorHandler when nobody does.",
		publishErrorIsReturned},
	{"LocalDeliveryGoesOn", "While nothing can be published, this node's own clients get everything at once: a chat on one server goes on when " +
		"the database is down.", localDeliveryGoesOn},
	{"SlowLocalHarmsNobodyElse", "A namespace whose server is stuck holds up no other. What it cannot take is dropped, counted and reported: " +
		"a stuck listener would fill the queue of the whole database.", slowLocalHarmsNobodyElse},
	{"AsyncQueueIsBounded", "What waits to be published is bounded: EmitAsync returns ErrQueueFull, counts and traces. A long outage must not " +
		"take all memory.", asyncQueueIsBounded},
}

var errPublish = errors.New("publishing fails, on purpose")

// troubled makes a node whose publishing can be made to fail, or to hang until its context ends.
func (c *clusterCase) troubled(name string, change ...func(*core.Config)) (n *node, trouble *atomic.Pointer[func(context.Context) error]) {
	c.Helper()
	trouble = new(atomic.Pointer[func(context.Context) error])
	n = c.node(name, append(change, func(config *core.Config) {
		config.Bus = &gate{Bus: config.Bus, publish: func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
			if f := trouble.Load(); f != nil {
				if err := (*f)(ctx); err != nil {
					return err
				}
			}
			return next.Publish(ctx, msgs...)
		}}
	})...)
	return n, trouble
}

func failing(context.Context) error { return errPublish }

// hanging returns a trouble that lasts until it is released.
func hanging() (hang func(ctx context.Context) error, release func()) {
	end := make(chan struct{})
	return func(ctx context.Context) error {
		select {
		case <-end:
			return errPublish
		case <-ctx.Done():
			return ctx.Err()
		}
	}, sync.OnceFunc(func() { close(end) })
}

func publishErrorIsReturned(c *clusterCase) {
	a, trouble := c.troubled("A")
	fail := failing
	trouble.Store(&fail)
	ops := map[string]func(ctx context.Context) error{
		"Emit":              func(ctx context.Context) error { return a.Emit(ctx, "x") },
		"SocketsJoin":       func(ctx context.Context) error { return a.SocketsJoin(ctx, "x") },
		"DisconnectSockets": func(ctx context.Context) error { return a.DisconnectSockets(ctx, false) },
		"ServerSideEmit":    func(ctx context.Context) error { return a.ServerSideEmit(ctx, "x") },
	}
	for name, op := range ops {
		err := c.call(name, op)
		if wrapped := new(core.OpError); !errors.Is(err, errPublish) || !errors.As(err, &wrapped) {
			c.fail(name+" while publishing fails", fmt.Sprintf("an *OpError with the error %q", errPublish), "%v", err)
		}
	}
	if err := a.EmitAsync("x"); err != nil {
		c.fail("EmitAsync while publishing fails", "no error", "the error %q", err)
	}
	a.wantError("EmitAsync while publishing fails", fmt.Sprintf("the error %q", errPublish), func(err error) bool { return errors.Is(err, errPublish) })
	trouble.Store(nil)
	c.emit(a, a.Target, "works again")
}

func localDeliveryGoesOn(c *clusterCase) {
	a, trouble := c.troubled("A")
	cl := a.client("1")
	hang, release := hanging()
	defer release()
	for how, f := range map[string]func(context.Context) error{"fails": failing, "hangs": hang} {
		trouble.Store(&f)
		called := "Emit while publishing " + how
		returned := make(chan error, 1)
		go func() { returned <- a.Emit(c.Context(), "hi") }()
		cl.expect(called, `["hi"]`)
		if err := a.EmitAsync("async"); err != nil {
			c.fail("EmitAsync while publishing "+how, "no error", "the error %q", err)
		}
		cl.expect("EmitAsync while publishing "+how, `["async"]`)
		acks := make(chan int, 1)
		go func() {
			values, _ := a.EmitWithAck(c.Context(), "question")
			acks <- len(values)
		}()
		cl.expect("EmitWithAck while publishing "+how, `["question"]`)
		if how == "hangs" {
			release()
		}
		if err, ok := receive(c, returned); !ok || err == nil {
			c.fail(called, "that it returns an error", "error %v (returned: %v)", err, ok)
		}
		if n, ok := receive(c, acks); !ok || n != 1 {
			c.fail("EmitWithAck while publishing "+how, "the answer of this node's client", "%d answers (ended: %v)", n, ok)
		}
	}
}

// receive takes a value of a channel before the patience ends.
func receive[T any](c *clusterCase, from <-chan T) (v T, ok bool) {
	select {
	case v = <-from:
		return v, true
	case <-time.After(c.patience):
		return v, false
	}
}

func slowLocalHarmsNobodyElse(c *clusterCase) {
	a := c.node("A")
	b := c.node("B", func(config *core.Config) { config.ReceiveQueue = 8 })
	fine := b.client("fine")
	stuck := stuckLocal{Registry: core.NewRegistry(core.RegistryConfig{}), release: make(chan struct{})}
	c.Cleanup(func() { stuck.free() })
	b.open(c.nsp+"/stuck", stuck)
	sender := a.open(c.nsp+"/stuck", core.NewRegistry(core.RegistryConfig{}))
	const called = "Emit 50 events in a namespace whose Local is stuck on B, with ReceiveQueue 8, and in another"
	for i := range 50 {
		c.emit(a, sender.Target, "stuck", i)
		c.emit(a, a.Target, "fine", i)
		fine.expect(called, fmt.Sprintf(`["fine",%d]`, i))
	}
	b.wantError(called, "a DropError with DropSlow", isDrop(core.DropSlow))
	if got := b.cluster.Stats().ReceiveDropped; got < 50-3*8 {
		c.fail(called+", Stats().ReceiveDropped", "at least 26", "%d", got)
	}
}

// stuckLocal blocks until it is freed.
type stuckLocal struct {
	*core.Registry
	release chan struct{}
}

func (s stuckLocal) Broadcast(*core.Packet, core.Selector) { <-s.release }

func (s stuckLocal) free() { close(s.release) }

func asyncQueueIsBounded(c *clusterCase) {
	full := newInbox[string]()
	a, trouble := c.troubled("A", func(config *core.Config) {
		config.PublishQueue = 20
		config.Trace.QueueFull = func(nsp string, _ codec.Type) { full.put(nsp) }
	})
	hang, release := hanging()
	defer release()
	trouble.Store(&hang)
	const called = "EmitAsync while publishing hangs, with PublishQueue 20"
	var err error
	n := 0
	for ; err == nil && n < 200; n++ {
		err = a.EmitAsync("x", n)
		time.Sleep(100 * time.Microsecond) // not faster than the events could be published
	}
	if !errors.Is(err, core.ErrQueueFull) || n > 3*20 {
		c.fail(called, "ErrQueueFull soon after 20 events", "%v after %d", err, n)
	}
	if a.cluster.Stats().QueueDropped == 0 || full.len() == 0 {
		c.fail(called, "Stats().QueueDropped and Trace.QueueFull", "%d and %d calls", a.cluster.Stats().QueueDropped, full.len())
	}
	trouble.Store(nil)
}
