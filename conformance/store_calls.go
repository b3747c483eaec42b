package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// parallelCalls is how many goroutines use a store at the same time.
const parallelCalls = 8

// storeWriter is one of the ways to put bodies.
type storeWriter struct {
	called string
	put    func(ctx context.Context, bodies [][]byte) (ids []string, err error)
}

func storeWriters(s storage.Store) []storeWriter {
	all := []storeWriter{{"Put", func(ctx context.Context, bodies [][]byte) (ids []string, err error) {
		for _, body := range bodies {
			id, err := s.Put(ctx, body)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		return ids, nil
	}}}
	if b, ok := s.(storage.Batch); ok {
		all = append(all, storeWriter{"PutAll", b.PutAll})
	}
	return all
}

// storeReader is one of the ways to get bodies. Its result is nil where there is no body.
type storeReader struct {
	called string
	get    func(ctx context.Context, ids []string) (bodies [][]byte, err error)
}

func storeReaders(s storage.Store) []storeReader {
	all := []storeReader{{"Get", func(ctx context.Context, ids []string) ([][]byte, error) {
		bodies := make([][]byte, len(ids))
		for i, id := range ids {
			body, err := getOrNil(ctx, s, id)
			if err != nil {
				return nil, err
			}
			bodies[i] = body
		}
		return bodies, nil
	}}}
	if b, ok := s.(storage.Batch); ok {
		all = append(all, storeReader{"GetAll", b.GetAll})
	}
	if z, ok := s.(storage.Sizer); ok {
		all = append(all, storeReader{"GetUpTo", func(ctx context.Context, ids []string) (bodies [][]byte, err error) {
			found, err := z.GetUpTo(ctx, ids, math.MaxInt)
			for _, f := range found {
				if (f.Body == nil) != (f.Size == storage.NotFound) || f.Body != nil && f.Size != len(f.Body) {
					return nil, fmt.Errorf("inconsistent result: size %d, body %s", f.Size, showBody(f.Body))
				}
				bodies = append(bodies, f.Body)
			}
			return bodies, err
		}})
	}
	return all
}

// getOrNil returns nil if there is no body. Get itself may return nil for an empty body.
func getOrNil(ctx context.Context, s storage.Store, id string) ([]byte, error) {
	body, err := s.Get(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil
	case err == nil && body == nil:
		return []byte{}, nil
	}
	return body, err
}

// fewestRoundTrips returns the way that needs the fewest round trips.
func fewestRoundTrips[T any](ways []T) T { return ways[len(ways)-1] }

// putWith puts bodies in one of the ways.
func (c *storeChecker) putWith(w storeWriter, bodies ...string) (ids []string) {
	c.Helper()
	called := fmt.Sprintf("%s of %s", w.called, countBodies(bodies))
	c.mustLong(called, func(ctx context.Context) (err error) {
		ids, err = w.put(ctx, asBytes(bodies))
		return err
	})
	if len(ids) != len(bodies) {
		c.fail(called, fmt.Sprintf("%d ids", len(bodies)), "%d", len(ids))
	}
	return ids
}

// expectWith fails the check unless r finds want under ids.
func (c *storeChecker) expectWith(r storeReader, called string, ids []string, want ...string) {
	c.Helper()
	bodies := c.getWith(r, called, ids)
	for i := range ids {
		if bodies[i] == nil || string(bodies[i]) != want[i] {
			c.report(bodyMismatch(fmt.Sprintf("%s, %s of %d ids, look at body %d", called, r.called, len(ids), i),
				ids[i], bodies[i], want[i]))
		}
	}
}

// getWith returns what r finds under ids.
func (c *storeChecker) getWith(r storeReader, called string, ids []string) (bodies [][]byte) {
	c.Helper()
	called = fmt.Sprintf("%s, %s of %d ids", called, r.called, len(ids))
	c.mustLong(called, func(ctx context.Context) (err error) {
		bodies, err = r.get(ctx, ids)
		return err
	})
	if len(bodies) != len(ids) {
		c.fail(called, fmt.Sprintf("%d bodies", len(ids)), "%d", len(bodies))
	}
	return bodies
}

// mustLong is must with more patience, for calls that put or get a lot.
func (c *storeChecker) mustLong(called string, f func(ctx context.Context) error) {
	c.Helper()
	if err := c.callWithin(c.patience*5/2, called, f); err != nil {
		c.fail(called, "no error", "the error %q", err)
	}
}

// bodyMismatch returns nil if the body that was read under id is want.
func bodyMismatch(called, id string, body []byte, want string) *problem {
	switch {
	case body != nil && string(body) == want:
		return nil
	case body == nil:
		return &problem{called + ", id " + quote(id), quote(want), "no body: it is not found"}
	}
	return &problem{called + ", id " + quote(id), quote(want), describeDifference(body, want)}
}

// eachInParallel calls f for 0 to n-1 on several goroutines, and fails the check with the first problem.
func (c *storeChecker) eachInParallel(called string, n int, f func(ctx context.Context, i int) *problem) {
	c.Helper()
	var next atomic.Int64
	var first atomic.Pointer[problem]
	var waits []func() error
	for range min(n, parallelCalls) {
		waits = append(waits, c.runAlongside(func() error {
			for i := int(next.Add(1)) - 1; i < n && first.Load() == nil; i = int(next.Add(1)) - 1 {
				c.noteCall(called) // each call is progress: many calls are not a call that hangs
				ctx, cancel := context.WithTimeout(c.Context(), c.patience)
				w := f(ctx, i)
				cancel()
				if w != nil {
					first.CompareAndSwap(nil, w)
				}
			}
			return nil
		}))
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			c.report(unexpectedError(called, err))
		}
	}
	c.report(first.Load())
}

// unexpectedError returns the problem that a call returned an error.
func unexpectedError(called string, err error) *problem {
	return &problem{called, "no error", fmt.Sprintf("the error %q", err)}
}

// putMany puts many bodies in the way that needs the fewest round trips.
func (c *storeChecker) putMany(s storage.Store, bodies []string) (ids []string) {
	c.Helper()
	if w := fewestRoundTrips(storeWriters(s)); w.called != "Put" {
		return c.putWith(w, bodies...)
	}
	ids = make([]string, len(bodies))
	c.eachInParallel("Put "+countBodies(bodies), len(bodies), func(ctx context.Context, i int) *problem {
		id, err := s.Put(ctx, []byte(bodies[i]))
		if err != nil {
			return unexpectedError("Put "+quote(bodies[i]), err)
		}
		ids[i] = id
		return nil
	})
	return ids
}

// getMany returns the bodies of many ids in the way that needs the fewest round trips. The result is nil where
// there is no body.
func (c *storeChecker) getMany(s storage.Store, called string, ids []string) (bodies [][]byte) {
	c.Helper()
	if r := fewestRoundTrips(storeReaders(s)); r.called != "Get" {
		return c.getWith(r, called, ids)
	}
	bodies = make([][]byte, len(ids))
	c.eachInParallel(called+fmt.Sprintf(", Get %d ids", len(ids)), len(ids), func(ctx context.Context, i int) *problem {
		body, err := getOrNil(ctx, s, ids[i])
		if err != nil {
			return unexpectedError("Get "+quote(ids[i]), err)
		}
		bodies[i] = body
		return nil
	})
	return bodies
}

// affordableCount returns n, or fewer if the store is so slow that n parallel calls would exceed the patience.
func (c *storeChecker) affordableCount(n int, s storage.Store) int {
	c.Helper()
	latency := time.Duration(math.MaxInt64)
	for range 3 {
		start := time.Now()
		c.put(s, "measures the latency")
		latency = min(latency, time.Since(start))
	}
	return int(min(time.Duration(n), max(200, parallelCalls*c.patience/max(latency, 1))))
}

// scaledCount returns affordableCount(quick). In the soak profile it returns up to soak if the store is fast
// enough that they hardly take longer: a store that scans all of its bodies to expire some becomes slow with
// many.
func (c *storeChecker) scaledCount(quick, soak int, s storage.Store) int {
	c.Helper()
	n := c.affordableCount(quick, s)
	if c.suite.soak {
		n = max(n, c.affordableCount(16*soak, s)/16)
	}
	return n
}

func (c *storeChecker) put(s storage.Store, body string) (id string) {
	c.Helper()
	put := c.must
	if len(body) > 1<<20 {
		put = c.mustLong
	}
	put("Put "+quote(body), func(ctx context.Context) (err error) {
		id, err = s.Put(ctx, []byte(body))
		return err
	})
	return id
}

// expectBody fails the check unless the body of id, which is small, is want.
func (c *storeChecker) expectBody(s storage.Store, called, id, want string) {
	c.Helper()
	called += ", Get"
	var body []byte
	c.must(called+" "+quote(id), func(ctx context.Context) (err error) {
		body, err = getOrNil(ctx, s, id)
		return err
	})
	c.report(bodyMismatch(called, id, body, want))
}

func (c *storeChecker) expire(s storage.Store, age time.Duration) {
	c.Helper()
	c.mustLong(fmt.Sprintf("Expire %v", age), func(ctx context.Context) error { return s.Expire(ctx, age) })
}
