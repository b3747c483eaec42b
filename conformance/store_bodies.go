package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/storage"
)

var bodyChecks = []check[*storeCase]{
	{"BodiesAreData", "A body is read byte by byte as it was put: empty, a megabyte, any bytes. Attachments are whole messages, and " +
		"a single byte that is changed makes one unreadable.", bodiesAreData},
	{"OtherNodesRead", "Any node can read a body as soon as Put has returned. The reference to it is published next, and arrives at " +
		"once.", otherNodesRead},
	{"BodiesAreReadAgain", "A body can be read any number of times until it expires. Each node of a cluster reads it.", bodiesAreReadAgain},
	{"PutKeepsACopy", "Put keeps a copy of body. The caller writes its next message into the same memory.", putKeepsACopy},
	{"GotBodyBelongsToCaller", "A body that Get returned belongs to the caller. Messages keep parts of it, and may change them, while " +
		"other nodes read the same body.", gotBodyBelongsToCaller},
}

var idChecks = []check[*storeCase]{
	{"IDsAreShortText", "An id is valid UTF-8, not empty, and at most 255 bytes. It travels in a notification of limited size.", idsAreShortText},
	{"EqualBodiesAreDistinct", "Each Put has an id of its own, also for equal bodies: they expire at different times.", equalBodiesAreDistinct},
	{"IDsAreNotReused", "An id is not given again after its body has expired. A slow node would read another message in its place.", idsAreNotReused},
	{"UnknownIDIsNotFound", "Get of an id that was never given returns ErrNotFound. The cluster tells by it that a message has expired " +
		"from a store that is broken.", unknownIDIsNotFound},
	{"MalformedIDIsNotFound", "Get of a malformed id returns ErrNotFound: ids come from other nodes and are data. Whoever can publish must " +
		"not be able to inject a statement, or to make a node take its store for broken.", malformedIDIsNotFound},
}

func bodiesAreData(c *storeCase) {
	s := c.store()
	bodies := []string{"", "x", "\x00", "\xff", allBytes(), "'; DROP TABLE x; --", `\x00`, `\`, `"`, "\u00e9e\u0301\uffff\U0001F389", "\r\n", " spaces ",
		strings.Repeat(allBytes(), 1<<20/768+1)[:1<<20]}
	for _, body := range bodies {
		c.expect(s, "Put "+quote(body), c.put(s, body), body)
	}
}

func otherNodesRead(c *storeCase) {
	one, two := c.store(), c.store()
	for i := range 20 {
		body := fmt.Sprint("body ", i)
		c.expect(two, "Put in another store", c.put(one, body), body)
		c.expect(one, "Put in another store", c.put(two, body), body)
	}
}

func bodiesAreReadAgain(c *storeCase) {
	one, two := c.store(), c.store()
	id := c.put(one, "again")
	for range 3 {
		c.expect(one, "Put, Get several times", id, "again")
		c.expect(two, "Put, Get several times", id, "again")
	}
}

func putKeepsACopy(c *storeCase) {
	s := c.store()
	body := []byte("the body")
	var id string
	c.must("Put", func(ctx context.Context) (err error) {
		id, err = s.Put(ctx, body)
		return err
	})
	copy(body, "!!!!!!!!")
	c.expect(s, "Put, overwrite the body", id, "the body")
}

func gotBodyBelongsToCaller(c *storeCase) {
	s := c.store()
	id := c.put(s, "the body")
	first, err := c.get(s, id)
	if err != nil {
		c.fail("Put, Get", "no error", "the error %q", err)
	}
	copy(first[:cap(first)], strings.Repeat("!", cap(first)))
	c.expect(s, "Put, Get, overwrite what Get returned", id, "the body")
	second, _ := c.get(s, id)
	other := c.put(s, "another!")
	c.expect(s, "Put another", other, "another!")
	if string(second) != "the body" {
		c.fail("Get one body, Get another, look at the first again", `"the body"`, "%s", quote(string(second)))
	}
}

func idsAreShortText(c *storeCase) {
	s := c.store()
	for _, body := range []string{"", "x", strings.Repeat("x", 1000), allBytes()} {
		id := c.put(s, body)
		if id == "" || len(id) > 255 || !utf8.ValidString(id) || strings.Contains(id, "\x00") {
			c.fail("Put "+quote(body), "an id of 1 to 255 bytes of UTF-8 without NUL", "%s", quote(id))
		}
	}
}

func equalBodiesAreDistinct(c *storeCase) {
	one, two := c.store(), c.store()
	ids := make(map[string]bool)
	for range 20 {
		for _, s := range []storage.Store{one, two} {
			id := c.put(s, "equal")
			if ids[id] {
				c.fail("Put equal bodies", "an id that was not given before", "%s again", quote(id))
			}
			ids[id] = true
		}
	}
}

func idsAreNotReused(c *storeCase) {
	s := c.store()
	ids := make(map[string]bool)
	for range 5 {
		id := c.put(s, "short-lived")
		if ids[id] {
			c.fail("Put, Expire, Put", "an id that was not given before", "%s again", quote(id))
		}
		ids[id] = true
		c.expireUntilGone(s, id)
	}
}

func (c *storeCase) wantNotFound(s storage.Store, called, id string) {
	c.Helper()
	body, err := c.get(s, id)
	called += ", Get " + quote(id)
	switch {
	case err == nil:
		c.fail(called, "storage.ErrNotFound", "%s", quote(string(body)))
	case !errors.Is(err, storage.ErrNotFound):
		c.fail(called, "storage.ErrNotFound", "the error %q", err)
	}
}

func unknownIDIsNotFound(c *storeCase) {
	s := c.store()
	id := c.put(s, "known")
	c.wantNotFound(s, "Put", id+"9") // another id of the same kind, whatever kind that is
	c.wantNotFound(s, "Put", "9"+id)
	c.wantNotFound(s, "Put", "9007199254740993")
	c.wantNotFound(s, "Put", "00000000-0000-4000-8000-000000000000")
	c.expect(s, "Put, Get of unknown ids", id, "known")
}

func malformedIDIsNotFound(c *storeCase) {
	s := c.store()
	id := c.put(s, "known")
	for _, bad := range []string{
		"", " ", "x", "-1", "0", "+1", "1.5", "1e3", "0x1", "NaN", "null", "true", "\x00", id + "\x00", "\xff", id + "\xff", "\ufeff" + id, " " + id, id + " ",
		id + "\n", id + ";", id + "'", id + " OR 1=1", id + ` OR "1"="1"`, "1'; DROP TABLE x; --", "$1", "%s", "../../etc/passwd", "*", "%", "_", "\\", "[]", "{}",
		"٣", "१", "99999999999999999999999999", "9223372036854775807", "9223372036854775808", "-9223372036854775809", strings.Repeat("9", 1000), strings.Repeat("x", 1<<20),
	} {
		if bad != id {
			c.wantNotFound(s, "Put", bad)
		}
	}
	c.expect(s, "Put, Get of malformed ids", id, "known")
}
