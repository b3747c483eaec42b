package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var storeContextChecks = []check[*storeChecker]{
	{"EndedContextFailsFast", "package storage, Sizes and contexts",
		"A call that waits ends with its ctx, and does not start if ctx has already ended. A server that shuts " +
			"down must not start to wait for a database.", endedStoreContextFailsFast},
	{"InterruptedCallsEnd", "package storage, Sizes and contexts",
		"Every method returns soon after its context has ended, with the context's error, and the store works as " +
			"before. A node that gives up on a slow database must get its goroutine back.", interruptedCallsEnd},
	{"InterruptedPutIsAllOrNothing", "package storage, Sizes and contexts",
		"An interrupted Put has kept the whole body or nothing. Get returns what was put or ErrNotFound.",
		interruptedPutIsAllOrNothing},
}

// storeCall is a call to interrupt. It verifies its result itself, so that its error is either the store's or
// errWrongResult.
type storeCall struct {
	called string
	bytes  []byte // approximately what the call copies
	call   func(ctx context.Context) error
	before func() // makes room for the call
}

// A call that takes at least interruptibleTime must react to an interruption. If it takes at least promptTime,
// it must also return earlier because of it: some servers can only be asked over another connection to stop
// what they do.
const (
	interruptibleTime = 20 * time.Millisecond
	promptTime        = 150 * time.Millisecond
)

var errWrongResult = errors.New("wrong result")

// storeCalls returns a call of each method, including calls that put or get one large body or many small ones.
func (c *storeChecker) storeCalls(s storage.Store, large int) []storeCall {
	c.Helper()
	body, small := sizedBody(large, 0), numberedBodies("kept", c.affordableCount(1000, s))
	id, ids := c.put(s, body), c.putMany(s, small)
	raw := []byte(body)
	var all []storeCall
	add := func(called string, bytes []byte, call func(ctx context.Context) error) {
		all = append(all, storeCall{called, bytes, call, func() {}})
	}
	add("Put", nil, func(ctx context.Context) error { _, err := s.Put(ctx, []byte("x")); return err })
	add("Get", nil, func(ctx context.Context) error { return getExpected(storeReaders(s)[0], ctx, ids[:1], small) })
	add("Expire", nil, func(ctx context.Context) error { return s.Expire(ctx, time.Hour) })
	for _, w := range storeWriters(s)[1:] {
		add(w.called, nil, func(ctx context.Context) error {
			_, err := w.put(ctx, bytes.SplitAfter(raw[:min(large, 10_000)], []byte("e")))
			return err
		})
	}
	for _, r := range storeReaders(s)[1:] {
		add(r.called, nil, func(ctx context.Context) error { return getExpected(r, ctx, ids, small) })
	}
	if p, ok := s.(storage.Preparer); ok {
		add("Prepare", nil, p.Prepare)
	}
	add(fmt.Sprintf("Get of %d bytes", large), raw, func(ctx context.Context) error {
		return getExpected(storeReaders(s)[0], ctx, []string{id}, []string{body})
	})
	add(fmt.Sprintf("Put of %d bytes", large), raw,
		func(ctx context.Context) error { _, err := s.Put(ctx, raw); return err })
	// Runs after the other calls, because it removes their bodies.
	all[len(all)-1].before = func() { c.makeRoom(s, c.put(s, "left over")) }
	return all
}

func getExpected(r storeReader, ctx context.Context, ids, want []string) error {
	bodies, err := r.get(ctx, ids)
	if err != nil {
		return err
	}
	if len(bodies) != len(ids) {
		return fmt.Errorf("%w: %d bodies for %d ids", errWrongResult, len(bodies), len(ids))
	}
	for i, body := range bodies {
		if w := bodyMismatch(r.called, ids[i], body, want[i]); w != nil {
			return fmt.Errorf("%w: %s", errWrongResult, w.got)
		}
	}
	return nil
}

func endedStoreContextFailsFast(c *storeChecker) {
	s := c.newStore()
	c.makeRoom(s, c.put(s, "left over"))
	bodies := numberedBodies("kept", 20)
	ids := c.putMany(s, bodies)
	time.Sleep(maxClockTick) // old enough for Expire of all
	late, release := context.WithTimeout(c.Context(), -time.Second)
	defer release()
	caused, cancel := context.WithCancelCause(c.Context())
	cancel(errors.New("a cause that must not be returned"))
	fails := func(o storeCall) {
		c.Helper()
		called := o.called + " with a context that has ended"
		for _, ctx := range []context.Context{endedContext(c.TB), late, caused} {
			switch err := c.guard(called, func() error { return o.call(ctx) }); {
			case err == nil:
				c.fail(called, fmt.Sprintf("the error %q", ctx.Err()), "no error")
			case !errors.Is(err, ctx.Err()):
				c.fail(called, fmt.Sprintf("the error %q", ctx.Err()), "the error %q", err)
			}
		}
		for i, body := range c.getMany(s, "Put, "+called, ids) {
			c.report(bodyMismatch("Put, "+called, ids[i], body, bodies[i]))
		}
	}
	fails(storeCall{called: "Expire of all", call: func(ctx context.Context) error { return s.Expire(ctx, 0) }})
	fails(storeCall{called: "Get of an unknown id",
		call: func(ctx context.Context) error { _, err := s.Get(ctx, ids[0]+"9"); return err }})
	for _, o := range c.storeCalls(s, 1<<16) {
		fails(o)
	}
}

// interruptedCallsEnd interrupts the calls that take long enough by themselves, and all calls while the medium
// is stalled.
func interruptedCallsEnd(c *storeChecker) {
	s := c.newStore()
	c.makeRoom(s, c.put(s, "left over")) // Expire in a store in memory takes long if there are very many bodies
	large := storage.MinBody / 4
	if c.harness.NewShortLived == nil { // there is room for one body at a time
		large = c.scale(large, storage.MinBody)
	}
	for _, o := range c.storeCalls(s, large) {
		c.interrupt(o)
		c.expectBody(s, o.called+" that was interrupted, Put", c.put(s, "after"), "after")
	}
	if c.harness.Stall == nil {
		return
	}
	for _, o := range c.storeCalls(s, 1<<20) {
		resume := sync.OnceFunc(c.harness.Stall(c.TB, s))
		c.Cleanup(resume)
		called := o.called + " while the medium is stalled, interrupted"
		ctx, cancel := context.WithTimeout(c.Context(), 20*time.Millisecond)
		err := c.guard(called, func() error { return o.call(ctx) })
		cancel()
		resume()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
			c.fail(called, fmt.Sprintf("the error %q", context.DeadlineExceeded), "the error %q", err)
		}
		c.expectBody(s, called+", Put after it resumes", c.put(s, "after"), "after")
	}
}

// interrupt ends the context of a call at an eighth of its usual duration. It fails the check if the call never
// returns early, or not in the first half. Only a call that takes longer than copying its bytes in memory can
// be judged; a faster one need not be interruptible. The machine may delay any call: of uninterrupted calls the
// shortest counts, and of interrupted ones a single early return is enough.
func (c *storeChecker) interrupt(o storeCall) {
	c.Helper()
	called := o.called + ", interrupted"
	takes, copying, calls := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64), 0
	call := func(after time.Duration) (early bool) {
		o.before()
		var err error
		var took time.Duration
		want := context.Canceled
		c.mustLong(called, func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			if calls++; calls%2 == 0 {
				want = context.DeadlineExceeded
				ctx, cancel = context.WithTimeout(ctx, after)
			} else {
				defer time.AfterFunc(after, cancel).Stop()
			}
			defer cancel()
			start := time.Now()
			err = o.call(ctx)
			took = time.Since(start)
			return nil
		})
		if err != nil && !errors.Is(err, want) && !(want == context.DeadlineExceeded && isTimeout(err)) {
			c.fail(called, fmt.Sprintf("the error %q, or a correct result", want), "the error %q", err)
		}
		if err == nil {
			takes = min(takes, took)
		}
		return err != nil && (took < takes/2 || takes < promptTime)
	}
	measure := func() (quick bool) {
		call(3 * c.patience)
		start := time.Now()
		_ = bytes.Clone(o.bytes)
		copying = min(copying, time.Since(start))
		return takes < interruptibleTime+8*copying
	}
	for i := range 4 { // a fast call is interrupted at several times, and its result must be right
		if quick := measure(); !quick {
			break
		}
		call(max(1, takes*time.Duration(1+i)/4))
		if i == 3 {
			return
		}
	}
	again := func() bool { // a busy machine may make one of the two slow
		first := measure()
		return first || measure()
	}
	const tries = 20
	for range tries {
		if call(takes/8) && (again() || call(takes/8)) || takes < interruptibleTime+8*copying {
			return
		}
	}
	c.fail(fmt.Sprintf("%s after an eighth of its usual %v, %d times", called, takes, tries), "an early return",
		"no return before the call was complete")
}

// isTimeout tells whether err is a timeout of a connection, which may notice the deadline before the context
// does.
func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// interruptedPutIsAllOrNothing looks for what an interrupted Put has left: under the id that it returned with
// the error, and under the ids between those of other Puts, if ids are numbers.
func interruptedPutIsAllOrNothing(c *storeChecker) {
	s := c.newStore()
	large := sizedBody(storage.MinBody/8, 0)
	start := time.Now()
	first := c.put(s, large)
	takes := time.Since(start)
	whole := func(called string, ids []string) {
		c.Helper()
		for i, body := range c.getMany(s, called, ids) {
			if body != nil && string(body) != large && !slices.Contains([]string{"before", "after"}, string(body)) {
				c.report(bodyMismatch(called, ids[i], body, large))
			}
		}
	}
	for i := range 7 {
		before := c.put(s, "before")
		called := "Put of a large body, interrupted"
		var ids []string
		c.mustLong(called, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, max(1, takes>>i))
			defer cancel()
			id, err := s.Put(ctx, []byte(large))
			if id != "" || err == nil {
				ids = append(ids, id)
			}
			return nil
		})
		after := c.put(s, "after")
		from, _ := strconv.ParseInt(before, 10, 64)
		to, err := strconv.ParseInt(after, 10, 64)
		for id := from + 1; err == nil && id < min(to, from+100); id++ {
			ids = append(ids, strconv.FormatInt(id, 10))
		}
		whole(called, ids)
		c.expectBody(s, called, after, "after")
		c.makeRoom(s, first)
	}
}
