package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/storage"
)

var idChecks = []check[*storeChecker]{
	{"IDsAreShortText", "storage.Store.Put",
		"An id is valid UTF-8 without NUL, not empty, and at most 255 bytes long. It is sent in a notification " +
			"of limited size.", idsAreShortText},
	{"IDsAreNotReused", "storage.Store.Put",
		"Each Put returns a new id, also for an equal body, in any store of the same medium, and also after " +
			"other bodies have expired. Otherwise a slow node reads another message in its place.", idsAreNotReused},
	{"UnknownIDIsNotFound", "storage.Store.Get",
		"An id that was never returned by Put is not found, even if it is malformed: ids come from other nodes " +
			"and are data. Because of this error the cluster can tell an expired message from a broken store, and " +
			"nobody who can publish must be able to inject a statement.", unknownIDIsNotFound},
	{"IDsMatchExactly", "storage.Store.Get",
		"Ids are compared byte by byte: an id that differs in a space, a leading zero or the case of a letter is " +
			"another id. Two names for one body would let a foreign node make others read what was not meant for " +
			"them.", idsMatchExactly},
}

func idsAreShortText(c *storeChecker) {
	s := c.newStore()
	short := func(called string, ids, bodies []string) {
		c.Helper()
		for i, id := range ids {
			c.report(invalidID(fmt.Sprintf("%s of %d bodies, look at the id of body %d, %s", called, len(ids), i,
				quote(bodies[i])), id))
		}
	}
	for _, w := range storeWriters(s) {
		bodies := []string{"", "x", strings.Repeat("x", 1000), allBytes(), sizedBody(1<<16, 0)}
		short(w.called, c.putWith(w, bodies...), bodies)
	}
	many := numberedBodies("one of many", c.affordableCount(1100, s))
	short("Put", c.putMany(s, many), many)
}

// invalidID returns nil if id is valid.
func invalidID(called, id string) *problem {
	if id == "" || len(id) > 255 || !utf8.ValidString(id) || strings.Contains(id, "\x00") {
		return &problem{called, "an id of 1 to 255 bytes of UTF-8 without NUL", quote(id)}
	}
	return nil
}

func idsAreNotReused(c *storeChecker) {
	one, two := c.newStore(), c.newStore()
	seen := make(map[string]bool)
	fresh := func(called string, ids ...string) {
		c.Helper()
		for _, id := range ids {
			if seen[id] {
				c.fail(called, "new ids", "%s again, after %d ids", quote(id), len(seen))
			}
			seen[id] = true
		}
	}
	for _, size := range []int{0, 1, 4096, 1 << 20} {
		for _, s := range []storage.Store{one, two, one} {
			fresh(fmt.Sprintf("Put equal bodies of %d bytes", size), c.put(s, sizedBody(size, 0)))
		}
	}
	equal := c.putMany(one, slices.Repeat([]string{"equal"}, c.scaledCount(5200, 100_000, one)))
	fresh("Put many equal bodies", equal...)
	for i, body := range c.getMany(two, "Put many equal bodies", equal) {
		c.report(bodyMismatch(fmt.Sprintf("Put %d equal bodies, look at body %d", len(equal), i), equal[i], body,
			"equal"))
	}
	for range 3 { // a store may restart its ids when it is empty, or when it is created
		last := c.put(one, "short-lived")
		fresh("Put, Expire, Put", last)
		if c.harness.NewShortLived == nil {
			c.expireUntilGone(one, last)
		}
		three := c.newStore()
		for _, s := range []storage.Store{one, three, two} {
			for _, w := range storeWriters(s) {
				fresh(fmt.Sprintf("Expire, make another store, %s of 3 bodies", w.called),
					c.putWith(w, "equal", "short-lived", "equal")...)
			}
		}
	}
}

// expectNotFound fails the check if there is a body under one of ids, or an error, with any of the ways to get
// it.
func (c *storeChecker) expectNotFound(s storage.Store, called string, ids ...string) {
	c.Helper()
	c.expectNoneOf(s, called, ids, func([]byte) bool { return true })
}

// expectNoneOf fails the check if bad selects a body under one of ids, or if there is an error.
func (c *storeChecker) expectNoneOf(s storage.Store, called string, ids []string, bad func(body []byte) bool) {
	c.Helper()
	c.eachInParallel(called+", Get ids that Put did not return", len(ids), func(ctx context.Context, i int) *problem {
		body, err := s.Get(ctx, ids[i])
		at := called + ", Get " + quote(ids[i])
		switch {
		case err == nil && bad(body):
			return &problem{at, "storage.ErrNotFound", showBody(body)}
		case err != nil && !errors.Is(err, storage.ErrNotFound):
			return &problem{at, "storage.ErrNotFound", fmt.Sprintf("the error %q", err)}
		}
		return nil
	})
	for _, r := range storeReaders(s)[1:] {
		for i, body := range c.getWith(r, called, ids) {
			if body != nil && bad(body) {
				c.fail(fmt.Sprintf("%s, %s of %d ids that Put did not return, id %s", called, r.called, len(ids),
					quote(ids[i])), "no body", "%s", showBody(body))
			}
		}
	}
}

func unknownIDIsNotFound(c *storeChecker) {
	s := c.newStore()
	c.expectNotFound(s, "no Put", "9007199254740993")
	id := c.put(s, "known")
	c.expectNotFound(s, "Put", slices.DeleteFunc([]string{
		"", " ", "-1", "-0", "+1", "1.5", "1.0e3", "0x1", "NaN", "null", "true", "\x00", "\xff", "\ufeff", "\n",
		"1'; DROP TABLE x; --", "1 OR 1=1", "$1", "%s", "?", "*", "%", "_",
		"\\", "[]", "{}", "{1}", "{}},{", "1,1", "1\x00", "..", "../../etc/passwd", "/", "GET x\r\nFLUSHALL\r\n", "٣",
		"१", "9007199254740993", "99999999999999999999999999",
		"9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
		"00000000-0000-4000-8000-000000000000", "deadbeef",
		"0000000000000000000000000000000000000000", "AAAAAAAAAAAAAAAAAAAAAA==", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
		strings.Repeat("9", 300), strings.Repeat("9", 1000), strings.Repeat("x", 256),
		strings.Repeat("x", 1<<16), strings.Repeat("é", 1<<19), id + "9", "9" + id, id + id, id + " OR 1=1", id + "'",
		id + ";", id + ` OR "1"="1"`,
	}, func(bad string) bool { return bad == id })...)
	c.expectBody(s, "Put, Get of unknown ids", id, "known")
}

// idsMatchExactly gets variants of known ids. Another test may have been given some of them, so only the bodies
// of this check must not be found under them.
func idsMatchExactly(c *storeChecker) {
	one, two := c.newStore(), c.newStore()
	bodies := []string{"exact " + sizedBody(32, 1), "exact " + sizedBody(32, 2)}
	ids := []string{c.put(one, bodies[0]), c.put(two, bodies[1])}
	for i, id := range ids {
		for _, s := range []storage.Store{one, two} { // including stores that have read the body already
			c.expectBody(s, "Put", id, bodies[i])
		}
		others := slices.DeleteFunc(similarIDs(id), func(v string) bool { return slices.Contains(ids, v) })
		c.expectNoneOf(one, "Put with the id "+quote(id), others,
			func(body []byte) bool { return slices.Contains(bodies, string(body)) })
		c.expectBody(one, "Put, Get of similar ids", id, bodies[i])
	}
}
