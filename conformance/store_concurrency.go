package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// prepareChecks start with the check that finds nothing prepared.
var prepareChecks = []check[*storeChecker]{
	{"ConcurrentPrepare", "storage.Preparer.Prepare",
		"Many nodes may call Prepare at the same time. When a cluster is deployed, all of them start at once.",
		concurrentPrepare},
	{"PrepareIsIdempotent", "storage.Preparer.Prepare",
		"Prepare creates what is missing and keeps what is there. Every node calls it each time it starts.",
		prepareIsIdempotent},
}

var storeUseChecks = []check[*storeChecker]{
	{"ConcurrentUse", "storage.Store",
		"A Store is safe for concurrent use, for any number of calls: every node of a process uses it, and each " +
			"fetches several bodies at a time.", concurrentUse},
}

func prepareIsIdempotent(c *storeChecker) {
	s := c.newUnprepared()
	p, ok := s.(storage.Preparer)
	if !ok {
		c.Skip("the store does not implement storage.Preparer")
	}
	c.must("Prepare", p.Prepare)
	id := c.put(s, "kept")
	for i := range 2 {
		c.must(fmt.Sprintf("Prepare, call %d", i+2), p.Prepare)
		c.expectBody(s, "Prepare, Put, Prepare", id, "kept")
	}
	c.expectBody(c.newStore(), "Prepare, Put, Prepare another store", id, "kept")
}

func concurrentPrepare(c *storeChecker) {
	var all []storage.Preparer
	for range parallelCalls {
		p, ok := c.newUnprepared().(storage.Preparer)
		if !ok {
			c.Skip("the store does not implement storage.Preparer")
		}
		all = append(all, p, p) // two nodes of a process may prepare the same store
	}
	called := fmt.Sprintf("Prepare %d stores at once", parallelCalls)
	start := make(chan struct{})
	var wait sync.WaitGroup
	errs := make([]error, len(all))
	c.mustLong(called, func(ctx context.Context) error {
		for i, p := range all {
			wait.Go(func() {
				<-start
				errs[i] = p.Prepare(ctx)
			})
		}
		close(start)
		wait.Wait()
		return nil
	})
	for _, err := range errs {
		if err != nil {
			c.report(unexpectedError(called, err))
		}
	}
}

// concurrentUse puts bodies into one store and gets them from another on several goroutines. Most of them use
// the same two stores, so that rare bugs have many chances.
func concurrentUse(c *storeChecker) {
	one, two := c.newStore(), c.newStore()
	c.makeRoom(one, c.put(one, "left over")) // keep the work of Expire small
	n := c.scaledCount(8000, 160_000, one)
	var mu sync.Mutex
	given := make(map[string]bool)
	c.eachInParallel(fmt.Sprintf("%d goroutines call Put, Get and Expire", parallelCalls), n,
		func(ctx context.Context, i int) *problem {
			put, get := one, two
			if i%8 == 7 {
				put, get = two, one
			}
			bodies, ids, w := c.exerciseStore(ctx, put, get, i)
			mu.Lock()
			defer mu.Unlock()
			for j, id := range ids {
				if given[id] {
					return &problem{"Put " + quote(bodies[j]), "a new id", quote(id) + " again"}
				}
				given[id] = true
			}
			return w
		})
}

// exerciseStore puts bodies and gets them, and sometimes makes another call.
func (c *storeChecker) exerciseStore(ctx context.Context, put, get storage.Store, i int) (bodies, ids []string,
	w *problem) {
	write, read := storeWriters(put)[0], storeReaders(get)[0]
	bodies = []string{fmt.Sprint("body ", i)}
	switch {
	case i%16 == 1:
		write, bodies = fewestRoundTrips(storeWriters(put)), append(numberedBodies(bodies[0], 3), "", "equal")
	case i%64 == 2:
		bodies = []string{sizedBody(1<<16, i)}
	case i%64 == 3:
		if err := put.Expire(ctx, time.Hour); err != nil {
			return nil, nil, unexpectedError("Expire", err)
		}
	}
	if all := storeReaders(get); i%16 < 4 {
		read = all[i%len(all)]
	}
	ids, err := write.put(ctx, asBytes(bodies))
	if err != nil || len(ids) != len(bodies) {
		return nil, nil, &problem{write.called + " of " + countBodies(bodies), "an id for each",
			fmt.Sprintf("%d ids and the error %v", len(ids), err)}
	}
	found, err := read.get(ctx, ids)
	if err != nil || len(found) != len(ids) {
		return bodies, ids, &problem{fmt.Sprintf("%s of %d ids", read.called, len(ids)), "each body",
			fmt.Sprintf("%d bodies and the error %v", len(found), err)}
	}
	for j := range found {
		if w := bodyMismatch(write.called+" in one store, "+read.called+" in another", ids[j], found[j],
			bodies[j]); w != nil {
			return bodies, ids, w
		}
	}
	return bodies, ids, nil
}
