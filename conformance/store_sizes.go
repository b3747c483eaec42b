package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var sizeChecks = []check[*storeChecker]{
	{"BodiesOfAnySize", "storage.MinBody",
		"A store keeps bodies of up to 64 MiB (storage.MinBody), whole and byte for byte. Sizes at which servers " +
			"and drivers start to cut, to split or to store elsewhere must not matter, and no body replaces another.",
		bodiesOfAnySize},
	{"OversizeIsKeptOrRefused", "storage.MinBody",
		"A body of more than 64 MiB is kept whole or refused with an error, never cut; so is a batch that " +
			"contains one. Nobody can read a cut message, and its publisher does not learn of it.",
		oversizeIsKeptOrRefused},
}

// smallSizes are near the sizes at which lengths need another byte and pages and buffers end.
var smallSizes = []int{0, 1, 2, 127, 128, 255, 256, 1023, 1024, 2000, 2048, 4095, 4096, 4097, 7999, 8000, 8191, 8192,
	16383, 16384, 32767, 32768, 65535, 65536, 65537,
	100_000, 1 << 18, 1 << 19, 1<<20 - 1, 1 << 20, 1<<20 + 1}

// largeSizes are put one at a time.
var largeSizes = []int{1 << 21, 5 << 20, 1<<24 - 1, 1<<24 + 1}

// bodiesOfAnySize tries each size with each way to put. It reads what Put has kept with Get and GetUpTo, and
// what PutAll has kept with GetAll.
func bodiesOfAnySize(c *storeChecker) {
	one, two := c.newStore(), c.newStore()
	var small []string
	for i, size := range smallSizes {
		small = append(small, sizedBody(size, i))
	}
	ids := make([]string, len(small))
	c.eachInParallel("Put bodies of many sizes", len(small), func(ctx context.Context, i int) *problem {
		id, err := one.Put(ctx, []byte(small[i]))
		if err != nil {
			return unexpectedError(fmt.Sprintf("Put of %d bytes", len(small[i])), err)
		}
		ids[i] = id
		return nil
	})
	for _, r := range storeReaders(two) {
		c.expectWith(r, "Put bodies of many sizes", ids, small...)
	}
	for _, w := range storeWriters(one)[1:] {
		mixed := slices.Clone(small)
		slices.Reverse(mixed[:len(mixed)/2]) // alternates large and small bodies
		for _, r := range storeReaders(two) {
			c.expectWith(r, w.called+" of bodies of many sizes", c.putWith(w, mixed...), mixed...)
		}
	}
	for _, size := range largeSizes {
		for _, w := range storeWriters(one) {
			c.putAndReadLarge(one, two, w, size)
		}
	}
	c.putAndReadLargest(one, two)
}

// putAndReadLargest puts bodies of storage.MinBody in each way, and then reads some in each way. There is room for all
// of them: none may replace another.
func (c *storeChecker) putAndReadLargest(one, two storage.Store) {
	c.Helper()
	writers, readers := storeWriters(one), storeReaders(two)
	var ids, bodies []string
	for i := range c.scale(2, 3) {
		bodies = append(bodies, sizedBody(storage.MinBody, i))
		ids = append(ids, c.putWith(writers[i%len(writers)], bodies[i])...)
	}
	for i := range max(len(ids), len(readers)) {
		at := i % len(ids)
		c.expectWith(readers[i%len(readers)], fmt.Sprintf("Put %d bodies of %d bytes", len(ids), storage.MinBody),
			ids[at:at+1], bodies[at])
	}
	c.makeRoom(one, ids[0])
}

// putAndReadLarge puts a large body, in a batch between two small ones, and reads it.
func (c *storeChecker) putAndReadLarge(one, two storage.Store, w storeWriter, size int) {
	c.Helper()
	bodies := []string{sizedBody(size, 7)}
	called := fmt.Sprintf("%s of %d bytes", w.called, size)
	all := storeReaders(two)
	if w.called == "PutAll" {
		bodies = []string{"before", bodies[0], "after"}
		all = all[1:2]
	} else if len(all) > 1 {
		all = slices.DeleteFunc(all, func(r storeReader) bool { return r.called == "GetAll" })
	}
	ids := c.putWith(storeWriter{called, w.put}, bodies...)
	for _, r := range all {
		c.expectWith(r, called, ids, bodies...)
	}
	if size >= 1<<24 {
		c.makeRoom(one, ids[0])
	}
}

// makeRoom expires all bodies, unless they have a time to live. Other checks look at its result.
func (c *storeChecker) makeRoom(s storage.Store, id string) {
	c.Helper()
	if c.harness.NewShortLived != nil {
		return
	}
	for start := time.Now(); time.Since(start) < c.patience/10; time.Sleep(time.Millisecond) {
		var body []byte
		if c.call("Expire 0, Get", func(ctx context.Context) (err error) {
			if err = s.Expire(ctx, 0); err == nil {
				body, err = s.Get(ctx, id)
			}
			return err
		}) != nil || body == nil {
			return
		}
	}
}

func oversizeIsKeptOrRefused(c *storeChecker) {
	s := c.newStore()
	size := c.scale(storage.MinBody+1, 2*storage.MinBody)
	for _, w := range storeWriters(s) {
		bodies := []string{sizedBody(size, 0)}
		if w.called == "PutAll" {
			bodies = []string{"before", bodies[0], "after"}
		}
		var ids []string
		var refused error
		called := fmt.Sprintf("%s with a body of %d bytes", w.called, size)
		c.mustLong(called, func(ctx context.Context) error {
			ids, refused = w.put(ctx, asBytes(bodies))
			return ctx.Err()
		})
		switch {
		case refused != nil && len(ids) > 0:
			c.fail(called, "ids, or an error", "%d ids and the error %q", len(ids), refused)
		case refused == nil && len(ids) != len(bodies):
			c.fail(called, fmt.Sprintf("%d ids", len(bodies)), "%d", len(ids))
		case refused == nil:
			c.expectWith(fewestRoundTrips(storeReaders(s)), called, ids, bodies...)
			c.makeRoom(s, ids[0])
		}
		c.expectBody(s, called+", Put another", c.put(s, "another"), "another")
	}
}
