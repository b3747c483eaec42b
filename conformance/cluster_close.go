package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/core"
)

var clusterCloseChecks = []check[*clusterCase]{
	{"CloseIsIdempotent", "Close ends in good time, can be called again and from several goroutines, and everything after it returns ErrClosed.",
		clusterCloseIsIdempotent},
	{"NothingIsLeft", "Close leaves no goroutine behind. Tests and servers that open and close clusters would otherwise run out of memory.",
		clusterNothingIsLeft},
}

func clusterCloseIsIdempotent(c *clusterCase) {
	a := c.node("A")
	a.open(c.nsp+"/other", core.NewRegistry(core.RegistryConfig{}))
	var group sync.WaitGroup
	errs := make(chan error, 4)
	for range 4 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(c.Context(), c.patience)
			defer cancel()
			errs <- a.cluster.Close(ctx)
		})
	}
	for range 4 {
		if err, ok := receive(c, errs); !ok || err != nil {
			c.fail("Close on four goroutines at once", "that each returns no error", "%v (returned: %v)", err, ok)
		}
	}
	group.Wait()
	a.close()
	c.must("Close the namespace of a closed cluster", a.Close)
	for called, f := range map[string]func(ctx context.Context) error{
		"Emit":        func(ctx context.Context) error { return a.Emit(ctx, "x") },
		"EmitAsync":   func(context.Context) error { return a.EmitAsync("x") },
		"SocketsJoin": func(ctx context.Context) error { return a.SocketsJoin(ctx, "x") },
		"Start":       a.cluster.Start,
		"WaitForPeers": func(ctx context.Context) error {
			return a.WaitForPeers(ctx, 1)
		},
		"Namespace": func(ctx context.Context) error {
			_, err := a.cluster.Namespace(ctx, c.nsp+"/new", core.NewRegistry(core.RegistryConfig{}))
			return err
		},
	} {
		if err := c.call("Close, "+called, f); !errors.Is(err, core.ErrClosed) {
			c.fail("Close, "+called, "ErrClosed", "%v", err)
		}
	}
}

func clusterNothingIsLeft(c *clusterCase) {
	var configs []core.Config // made beforehand: what they hold is not the nodes'
	for range 2 * (rounds + 1) {
		configs = append(configs, c.config())
	}
	use := func() {
		a, b := c.startWith(configs[0], "A"), c.startWith(configs[1], "B")
		configs = configs[2:]
		for i, nsp := range []string{"", "/x"} {
			a.Namespace, b.Namespace = a.open(c.nsp+nsp, a.registry), b.open(c.nsp+nsp, b.registry)
			c.meet(a, b)
			cl := b.client(fmt.Sprint(i))
			c.emit(a, a.To(cl.id), "hi")
			cl.expect("Emit", `["hi"]`)
			c.acks(a, a.To(cl.id), "EmitWithAck")
		}
		a.close()
		b.close()
	}
	use()
	before := goroutines()
	for range rounds {
		use()
	}
	start := time.Now()
	for {
		var left []string
		for id, stack := range goroutines() {
			if _, ok := before[id]; !ok {
				left = append(left, stack)
			}
		}
		if len(left) < rounds {
			return
		}
		if time.Since(start) > c.patience {
			c.fail(fmt.Sprintf("open, use and Close two nodes, %d times", rounds), "no goroutines left", "%d, among them\n%s", len(left), left[0])
		}
		time.Sleep(5 * time.Millisecond)
	}
}
