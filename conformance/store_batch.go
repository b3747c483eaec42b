package conformance

import (
	"fmt"
	"slices"
	"strings"
)

var batchChecks = []check[*storeChecker]{
	{"PutAllMatchesPut", "storage.Batch.PutAll",
		"PutAll has the effect of Put for each body, in order, however many there are. A cluster under load puts " +
			"its attachments this way; an id that belongs to another body makes a node deliver the wrong message.",
		putAllMatchesPut},
	{"GetAllMatchesGet", "storage.Batch.GetAll",
		"GetAll has the effect of Get for each id, in order, however many there are: nil where there is no body, " +
			"but not for an empty body. One expired attachment must not cost the others.", getAllMatchesGet},
}

// batchLengths are near the lengths at which pages end, statements are full and parameter numbers run out of
// bits.
var batchLengths = []int{0, 1, 2, 3, 99, 100, 101, 255, 256, 257, 999, 1000, 1001, 1023, 1024, 1025, 5000, 32_768,
	70_000}

// mixedBodies returns n bodies: some equal, some empty, and some larger.
func mixedBodies(n int) []string {
	bodies := make([]string, n)
	for i := range bodies {
		switch {
		case i%100 == 3:
			bodies[i] = "equal"
		case i%100 == 4:
			bodies[i] = ""
		case i%5000 == 5:
			bodies[i] = sizedBody(1<<17, i)
		case i%500 == 6:
			bodies[i] = sizedBody(5000, i)
		default:
			bodies[i] = fmt.Sprint("body ", i)
		}
	}
	return bodies
}

// putAllMatchesPut reads short batches with Get, and long ones with GetAll.
func putAllMatchesPut(c *storeChecker) {
	one, two := c.requireBatch(), c.requireBatch()
	w, all := storeWriters(one)[1], storeReaders(two)
	for _, n := range batchLengths {
		bodies := mixedBodies(n)
		ids := c.putWith(w, bodies...)
		r := all[1]
		if n <= 101 {
			r = all[0]
		}
		c.expectWith(r, fmt.Sprintf("PutAll of %d bodies", n), ids, bodies...)
		slices.Sort(ids)
		if different := len(slices.Compact(ids)); different != n {
			c.fail(fmt.Sprintf("PutAll of %d bodies, some of them equal", n), fmt.Sprintf("%d different ids", n),
				"%d different ids", different)
		}
	}
}

func getAllMatchesGet(c *storeChecker) {
	two := c.requireBatch()
	c.expectMatchesGet(storeReaders(two)[1])
}

// expectMatchesGet fails the check unless r, one of the ways to get many bodies, has the same result as Get for
// each of them.
func (c *storeChecker) expectMatchesGet(r storeReader) {
	c.Helper()
	one := c.newStore()
	bodies := mixedBodies(c.affordableCount(1000, one))
	ids := c.putMany(one, bodies)
	unknown := []string{ids[len(ids)-1] + "9", "never given", "\x00", "'; --", "", strings.Repeat("9", 300), "\xff"}
	for _, n := range batchLengths {
		asked, want := make([]string, n), make([]*string, n)
		for i := range asked {
			k := (i*7 + i/len(ids)) % len(ids) // in another order than they were put, and repeatedly
			asked[i], want[i] = ids[k], &bodies[k]
			if len(bodies[k]) > 1000 && i >= 5000 {
				asked[i], want[i] = unknown[1], nil // so that large ones are not read all the time
			}
			if i%10 == 1 || n == 1000 && i%2 == 0 { // the lists of 1,000 ids end with unknown ones
				asked[i], want[i] = unknown[i/10%len(unknown)], nil
			}
		}
		called := "Put many bodies"
		for i, body := range c.getWith(r, called, asked) {
			if (body == nil) == (want[i] == nil) && (body == nil || string(body) == *want[i]) {
				continue
			}
			at := fmt.Sprintf("%s, %s of %d ids (some unknown, malformed or repeated), look at body %d", called,
				r.called, n, i)
			if want[i] != nil {
				c.report(bodyMismatch(at, asked[i], body, *want[i]))
			}
			c.fail(at+", id "+quote(asked[i]), "no body", "%s", showBody(body))
		}
	}
	none := slices.Repeat(unknown, 3)
	for i, body := range c.getWith(r, "Put", none) {
		if body != nil {
			c.fail(fmt.Sprintf("%s of %d unknown ids, id %s", r.called, len(none), quote(none[i])), "no body", "%s",
				showBody(body))
		}
	}
}
