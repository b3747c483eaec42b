package conformance

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"github.com/backplane-go/backplane/storage"
)

var sizerChecks = []check[*storeChecker]{
	{"GetUpToMatchesGet", "storage.Sizer.GetUpTo",
		"GetUpTo has the effect of Get for each id, in order, however many there are, if a body has at most " +
			"limit bytes. A node reads all of its attachments this way.", getUpToMatchesGet},
	{"GetUpToSkipsLargeBodies", "storage.Sizer.GetUpTo",
		"GetUpTo returns the size of a body over the limit and does not read the body. A node that receives a " +
			"reference to a body of a gigabyte must not hold the body in memory for even a moment.",
		getUpToSkipsLargeBodies},
}

func getUpToMatchesGet(c *storeChecker) {
	all := storeReaders(c.requireSizer())
	c.expectMatchesGet(all[len(all)-1])
}

func (c *storeChecker) getUpTo(s storage.Sizer, limit int, ids ...string) (found []storage.Found) {
	c.Helper()
	called := fmt.Sprintf("GetUpTo of %d ids, limit %d", len(ids), limit)
	c.mustLong(called, func(ctx context.Context) (err error) {
		found, err = s.GetUpTo(ctx, ids, limit)
		return err
	})
	if len(found) != len(ids) {
		c.fail(called, fmt.Sprintf("%d results", len(ids)), "%d", len(found))
	}
	return found
}

func getUpToSkipsLargeBodies(c *storeChecker) {
	s := c.requireSizer()
	var ids, bodies []string
	for i, limit := range []int{0, 1, 100, 4096, 1 << 16, 1 << 20, 2<<20 + 1} {
		for _, size := range []int{limit + 1, limit, max(0, limit-1)} {
			bodies = append(bodies, sizedBody(size, i))
			ids = append(ids, c.put(s, bodies[len(bodies)-1]))
		}
	}
	bodies, ids = append(bodies, ""), append(ids, ids[len(ids)-1]+"9") // the last id is unknown
	for _, limit := range []int{0, 1, 2, 99, 100, 101, 4095, 4096, 4097, 1<<16 - 1, 1 << 16, 1<<16 + 1, 1<<20 - 1,
		1 << 20, 1<<20 + 1, 2 << 20, 2<<20 + 1, 2<<20 + 2, math.MaxInt32, math.MaxInt} {
		for i, found := range c.getUpTo(s, limit, ids...) {
			size, fits := len(bodies[i]), len(bodies[i]) <= limit
			called := fmt.Sprintf("GetUpTo of %d ids with a limit of %d, look at a body of %d bytes", len(ids), limit,
				size)
			if i == len(ids)-1 {
				called, size, fits = fmt.Sprintf("GetUpTo of %d ids with a limit of %d, look at an unknown one",
					len(ids), limit), storage.NotFound, false
			}
			if found.Size != size || (found.Body != nil) != fits {
				c.fail(called, fmt.Sprintf("size %d, with a body: %v", size, fits), "size %d, body %s", found.Size,
					showBody(found.Body))
			}
			if fits {
				c.report(bodyMismatch(called, ids[i], found.Body, bodies[i]))
			}
		}
	}
	c.expectUnread(s)
}

// expectUnread fails the check if GetUpTo allocates memory for bodies over the limit. Other goroutines of this
// process may allocate too, so the least of several measurements counts.
func (c *storeChecker) expectUnread(s storage.Sizer) {
	c.Helper()
	for _, size := range []int{1 << 20, 8 << 20} {
		ids := []string{c.put(s, sizedBody(size, 0)), c.put(s, sizedBody(size, 1))}
		least := uint64(math.MaxUint64)
		for range 10 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c.getUpTo(s, size-1, ids...)
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
			if least < uint64(size)/2 {
				break
			}
		}
		if least >= uint64(size)/2 {
			c.fail(fmt.Sprintf("GetUpTo of 2 bodies of %d bytes with a limit of one byte less", size),
				"no reading of the bodies", "%d allocated bytes", least)
		}
	}
}
