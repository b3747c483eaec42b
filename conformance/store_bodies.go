package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/storage"
)

var bodyChecks = []check[*storeChecker]{
	{"BodiesAreKeptUnchanged", "storage.Store.Put",
		"A body is returned byte for byte as it was put: empty, nil, any bytes. Attachments are whole messages, " +
			"and one changed byte makes a message unreadable.", bodiesAreKeptUnchanged},
	{"OtherNodesRead", "storage.Store.Put",
		"Any node can read a body as soon as Put has returned. The reference to it is published next, and " +
			"arrives at once.", otherNodesRead},
	{"BodiesCanBeReadAgain", "package storage, Delivery",
		"A body can be read any number of times until it expires. Each node of a cluster reads it.",
		bodiesCanBeReadAgain},
	{"PutKeepsACopy", "storage.Store.Put",
		"Put and PutAll keep a copy of a body. The caller writes its next message into the same memory.",
		putKeepsACopy},
	{"ReturnedBodyBelongsToCaller", "storage.Store.Get",
		"A body that was returned belongs to the caller alone. Messages keep parts of it, and may change them, " +
			"while other nodes read the same body.", returnedBodyBelongsToCaller},
}

// oddBodies returns bodies that a store may confuse with something else.
func oddBodies() []string {
	return []string{"x", "\x00", "\xff", allBytes(), "'; DROP TABLE x; --", `\x00`, `\`, `\\`, `"`,
		"\u00e9e\u0301\uffff\U0001F389", "\ufeffmark", "\xfe\xff\x00x",
		"\r\n", "line\r\nline\nline\rline\n\n", " spaces ", "\ttabs\t", "end\n", "end\x00", "\x00begin", "a\x1ab",
		"%00%41", "&amp;", "null", "0", "-1", "1e3", "{}", "[1]",
		"aGk=", "\x1f\x8b\x08\x00", "+OK\r\n", "$-1\r\n", strings.Repeat("x", 1000), strings.Repeat("\x00", 5000),
		strings.Repeat("\xff", 5000)}
}

func bodiesAreKeptUnchanged(c *storeChecker) {
	c.report(c.suite.measureProblem.Load())
	one, two := c.newStore(), c.newStore()
	bodies := append(oddBodies(), "", "")
	for _, w := range storeWriters(one) {
		var ids []string
		c.mustLong(w.called, func(ctx context.Context) (err error) {
			all := asBytes(bodies)
			all[len(all)-1] = nil
			ids, err = w.put(ctx, all)
			return err
		})
		if len(ids) != len(bodies) {
			c.fail(w.called, fmt.Sprintf("%d ids", len(bodies)), "%d", len(ids))
		}
		for _, r := range storeReaders(two) {
			c.expectWith(r, w.called+" of bodies with arbitrary bytes", ids, bodies...)
		}
	}
}

func otherNodesRead(c *storeChecker) {
	one, two := c.newStore(), c.newStore()
	for i := range 20 {
		body := fmt.Sprint("body ", i)
		c.expectBody(two, "Put in another store", c.put(one, body), body)
		c.expectBody(one, "Put in another store", c.put(two, body), body)
	}
	if b := fewestRoundTrips(storeWriters(one)); b.called != "Put" {
		for i := range 20 {
			bodies := numberedBodies(fmt.Sprint("batch ", i), 3)
			ids := c.putWith(b, bodies...)
			c.expectWith(storeReaders(two)[0], "PutAll in another store", ids[2:], bodies[2])
		}
	}
}

func bodiesCanBeReadAgain(c *storeChecker) {
	one, two := c.newStore(), c.newStore()
	id, large := c.put(one, "again"), c.put(one, sizedBody(1<<16, 0))
	for _, r := range append(storeReaders(one), storeReaders(two)...) {
		called := fmt.Sprintf("Put, %s many times", r.called)
		c.eachInParallel(called, 150, func(ctx context.Context, _ int) *problem {
			bodies, err := r.get(ctx, []string{id, large})
			if err != nil || len(bodies) != 2 {
				return &problem{called, "2 bodies", fmt.Sprintf("%d, and the error %v", len(bodies), err)}
			}
			if w := bodyMismatch(called, id, bodies[0], "again"); w != nil {
				return w
			}
			return bodyMismatch(called, large, bodies[1], sizedBody(1<<16, 0))
		})
	}
}

// copySizes are sizes for which a store may avoid a copy.
var copySizes = []int{1, 100, 4096, 1 << 16, 1 << 20, 3 << 20}

func putKeepsACopy(c *storeChecker) {
	s := c.newStore()
	for _, w := range storeWriters(s) {
		var ids, want []string
		var bodies [][]byte
		for i, size := range copySizes {
			want = append(want, sizedBody(size, i))
			bodies = append(bodies, []byte(want[i]))
		}
		c.mustLong(w.called, func(ctx context.Context) (err error) {
			ids, err = w.put(ctx, bodies)
			return err
		})
		if len(ids) != len(bodies) {
			c.fail(w.called, fmt.Sprintf("%d ids", len(bodies)), "%d", len(ids))
		}
		for i, body := range bodies {
			if string(body) != want[i] {
				c.fail(w.called+", look at the caller's body", quote(want[i]), "%s", describeDifference(body, want[i]))
			}
			invertBytes(body)
		}
		c.expectWith(storeReaders(s)[0], w.called+", overwrite the bodies", ids, want...)
		c.putGroupsAndRead(s, w.called, w.called == "PutAll",
			func(ctx context.Context, want []string) (ids []string, err error) {
				bodies := asBytes(want)
				ids, err = w.put(ctx, bodies)
				for _, body := range bodies {
					invertBytes(body)
				}
				return ids, err
			})
	}
}

// putGroupsAndRead puts more than a thousand small bodies with put, in small groups or in one call, and then
// reads them all.
func (c *storeChecker) putGroupsAndRead(s storage.Store, called string, batch bool,
	put func(ctx context.Context, bodies []string) (ids []string, err error)) {
	c.Helper()
	c.makeRoom(s, c.put(s, "left over")) // some bugs only appear after an Expire
	size := 10
	if batch {
		size = 220
	}
	bodies := numberedBodies("one of many", max(size, c.affordableCount(1100, s)/size*size))
	ids := make([]string, len(bodies))
	called = fmt.Sprintf("%s of %d bodies, %d at a time, overwrite them", called, len(bodies), size)
	c.eachInParallel(called, len(bodies)/size, func(ctx context.Context, i int) *problem {
		group, err := put(ctx, bodies[i*size:(i+1)*size])
		if err != nil || len(group) != size {
			return &problem{called, "an id for each", fmt.Sprintf("%d ids for %d, and the error %v", len(group), size,
				err)}
		}
		copy(ids[i*size:], group)
		return nil
	})
	c.eachInParallel(called+", Get", len(ids), func(ctx context.Context, i int) *problem {
		body, err := getOrNil(ctx, s, ids[i])
		if err != nil {
			return unexpectedError(called+", Get "+quote(ids[i]), err)
		}
		return bodyMismatch(called+", Get", ids[i], body, bodies[i])
	})
}

// invertBytes changes all bytes of a body, including those beyond its length.
func invertBytes(body []byte) {
	body = body[:cap(body)]
	for i := range body {
		body[i] ^= 0xff
	}
}

func returnedBodyBelongsToCaller(c *storeChecker) {
	s := c.newStore()
	var ids, want []string
	for i, size := range copySizes {
		want = append(want, sizedBody(size, i))
		ids = append(ids, c.put(s, want[i]))
	}
	ids, want = append(ids, ids...), append(want, want...) // each twice
	for _, r := range storeReaders(s) {
		called := fmt.Sprintf("%s of %d ids", r.called, len(ids))
		first, second := c.getWith(r, "Put", ids), c.getWith(r, "Put", ids)
		for i := range first {
			c.report(bodyMismatch(called, ids[i], first[i], want[i]))
			invertBytes(first[i])
			for j := range first {
				if j > i {
					c.report(bodyMismatch(fmt.Sprintf("%s, overwrite body %d, look at body %d", called, i, j), ids[j],
						first[j], want[j]))
				}
			}
		}
		for i := range second {
			c.report(bodyMismatch(called+" twice, overwrite the bodies of one call, look at those of the other",
				ids[i], second[i], want[i]))
		}
		c.expectWith(r, r.called+", overwrite the bodies", ids, want...)
	}
	for _, r := range storeReaders(s) {
		c.putGroupsAndRead(s, r.called, false, func(ctx context.Context, bodies []string) (ids []string, err error) {
			for _, body := range bodies {
				id, err := s.Put(ctx, []byte(body))
				if err != nil {
					return nil, err
				}
				ids = append(ids, id)
			}
			for range 2 { // the second read sees changes of the first result
				found, err := r.get(ctx, ids)
				if err != nil {
					return nil, err
				}
				for _, body := range found {
					invertBytes(body)
				}
			}
			return ids, nil
		})
	}
}
