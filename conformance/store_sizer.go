package conformance

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/backplane-go/backplane/storage"
)

var sizerChecks = []check[*storeCase]{
	{"GetUpToIsGet", "GetUpTo is Get for each id, in their order, as long as a body has at most limit bytes. A node reads all of its attachments " +
		"this way.", getUpToIsGet},
	{"GetUpToLeavesLargeBodies", "GetUpTo tells the size of a body over the limit, and does not read it. A node that is sent a reference to a body of " +
		"a gigabyte must not hold it for even a moment.", getUpToLeavesLargeBodies},
	{"FoundBodiesBelongToCaller", "The bodies that GetUpTo returned belong to the caller, each to itself. Messages keep parts of them: a body that " +
		"shares memory with another one keeps that alive too.", foundBodiesBelongToCaller},
}

// sizer returns a store that can leave large bodies unread.
func (c *storeCase) sizer() storage.Sizer {
	c.Helper()
	s, ok := c.store().(storage.Sizer)
	if !ok {
		c.Skip("the store is no storage.Sizer")
	}
	return s
}

func (c *storeCase) getUpTo(s storage.Sizer, limit int, ids ...string) (found []storage.Found) {
	c.Helper()
	called := fmt.Sprintf("GetUpTo of %d ids, limit %d", len(ids), limit)
	c.must(called, func(ctx context.Context) (err error) {
		found, err = s.GetUpTo(ctx, ids, limit)
		return err
	})
	if len(found) != len(ids) {
		c.fail(called, fmt.Sprintf("%d times Found", len(ids)), "%d", len(found))
	}
	return found
}

// wantFound fails unless one of what GetUpTo returned is as wanted.
func (c *storeCase) wantFound(called string, got storage.Found, size int, body []byte) {
	c.Helper()
	if got.Size != size || (got.Body == nil) != (body == nil) || string(got.Body) != string(body) {
		c.fail(called, fmt.Sprintf("size %d, body %s", size, showBody(body)), "size %d, body %s", got.Size, showBody(got.Body))
	}
}

func getUpToIsGet(c *storeCase) {
	one, two := c.store(), c.sizer()
	c.getUpTo(two, math.MaxInt)
	large := strings.Repeat(allBytes(), 3<<20/768+1)
	a, b, empty, gone := c.put(one, "a"), c.put(one, large), c.put(one, ""), c.put(one, "gone")+"9"
	ids := []string{b, gone, a, empty, b, "\x00", "'; --", "", strings.Repeat("9", 300), a}
	want := [][]byte{[]byte(large), nil, []byte("a"), {}, []byte(large), nil, nil, nil, nil, []byte("a")}
	for i, found := range c.getUpTo(two, math.MaxInt, ids...) {
		size := len(want[i])
		if want[i] == nil {
			size = storage.NotFound
		}
		c.wantFound(fmt.Sprintf("GetUpTo of %d ids, some unknown or malformed or twice, without a limit; id %s", len(ids), quote(ids[i])), found, size, want[i])
	}
}

func getUpToLeavesLargeBodies(c *storeCase) {
	s := c.sizer()
	for _, limit := range []int{0, 1, 100, 1 << 20, 2<<20 + 1} {
		fits, over := strings.Repeat("x", limit), strings.Repeat("y", limit+1)
		ids := []string{c.put(s, over), c.put(s, fits), c.put(s, over)}
		found := c.getUpTo(s, limit, ids...)
		called := fmt.Sprintf("GetUpTo with a limit of %d, ", limit)
		c.wantFound(called+"a body of one byte more, before others", found[0], limit+1, nil)
		c.wantFound(called+"a body of the limit", found[1], limit, []byte(fits))
		c.wantFound(called+"a body of one byte more, after others", found[2], limit+1, nil)
	}
}

func foundBodiesBelongToCaller(c *storeCase) {
	s := c.sizer()
	ids := []string{c.put(s, "the first"), c.put(s, "the second")}
	ids = append(ids, ids[0])
	want := []string{"the first", "the second", "the first"}
	for i := range ids {
		found := c.getUpTo(s, 1000, ids...)
		body := found[i].Body
		copy(body[:cap(body)], strings.Repeat("!", cap(body)))
		for j := range found {
			if i != j && string(found[j].Body) != want[j] {
				c.fail(fmt.Sprintf("GetUpTo, overwrite body %d, look at body %d", i, j), quote(want[j]), "%s", quote(string(found[j].Body)))
			}
		}
		c.expect(s, "GetUpTo, overwrite a body", ids[i], want[i])
	}
}
