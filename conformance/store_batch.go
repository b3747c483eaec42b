package conformance

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/storage"
)

var batchChecks = []check[*storeCase]{
	{"PutAllIsPut", "PutAll is Put for each body, in their order. A cluster under load puts its attachments this way; an id that belongs to " +
		"another body makes a node deliver the wrong message.", putAllIsPut},
	{"PutAllKeepsCopies", "PutAll keeps copies, as Put does. The caller writes its next messages into the same memory.", putAllKeepsCopies},
	{"GetAllIsGet", "GetAll is Get for each id, in their order: nil where there is none, but not for an empty body. One attachment that has " +
		"expired must not cost the others.", getAllIsGet},
	{"GotBodiesBelongToCaller", "The bodies that GetAll returned belong to the caller, each to itself. Messages keep parts of them, and may " +
		"change them.", gotBodiesBelongToCaller},
}

// batch returns a store that can put and get many bodies at once.
func (c *storeCase) batch() storage.Batch {
	c.Helper()
	s, ok := c.store().(storage.Batch)
	if !ok {
		c.Skip("the store is no storage.Batch")
	}
	return s
}

func (c *storeCase) putAll(s storage.Batch, bodies ...string) (ids []string) {
	c.Helper()
	all := make([][]byte, len(bodies))
	for i, body := range bodies {
		all[i] = []byte(body)
	}
	called := fmt.Sprintf("PutAll %d bodies", len(bodies))
	c.must(called, func(ctx context.Context) (err error) {
		ids, err = s.PutAll(ctx, all)
		return err
	})
	if len(ids) != len(bodies) {
		c.fail(called, "as many ids", "%d ids", len(ids))
	}
	return ids
}

func (c *storeCase) getAll(s storage.Batch, ids ...string) (bodies [][]byte) {
	c.Helper()
	called := fmt.Sprintf("GetAll %d ids", len(ids))
	c.must(called, func(ctx context.Context) (err error) {
		bodies, err = s.GetAll(ctx, ids)
		return err
	})
	if len(bodies) != len(ids) {
		c.fail(called, "as many bodies", "%d bodies", len(bodies))
	}
	return bodies
}

func putAllIsPut(c *storeCase) {
	one, two := c.batch(), c.store()
	c.putAll(one)
	var bodies []string
	for i := range 100 {
		bodies = append(bodies, fmt.Sprint("body ", i), "equal", "", allBytes()[i:])
	}
	ids := c.putAll(one, bodies...)
	for i, id := range ids {
		c.expect(two, fmt.Sprintf("PutAll %d bodies, look at body %d", len(bodies), i), id, bodies[i])
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != len(bodies) {
		c.fail("PutAll of some equal bodies", fmt.Sprintf("%d ids, all different", len(bodies)), "%d different ones", n)
	}
}

func putAllKeepsCopies(c *storeCase) {
	s := c.batch()
	bodies := [][]byte{[]byte("the first"), []byte("the second")}
	var ids []string
	c.must("PutAll", func(ctx context.Context) (err error) {
		ids, err = s.PutAll(ctx, bodies)
		return err
	})
	copy(bodies[0], "!!!!!!!!!")
	copy(bodies[1], "!!!!!!!!!!")
	c.expect(s, "PutAll, overwrite the bodies", ids[0], "the first")
	c.expect(s, "PutAll, overwrite the bodies", ids[1], "the second")
}

func getAllIsGet(c *storeCase) {
	one, two := c.store(), c.batch()
	c.getAll(two)
	c.getAll(two, "never given", "\x00")
	a, b, empty, gone := c.put(one, "a"), c.put(one, "b"), c.put(one, ""), c.put(one, "gone")+"9"
	ids := []string{b, gone, a, empty, b, "\x00", "'; --", "", strings.Repeat("9", 300), a}
	want := [][]byte{[]byte("b"), nil, []byte("a"), {}, []byte("b"), nil, nil, nil, nil, []byte("a")}
	for i, body := range c.getAll(two, ids...) {
		called := fmt.Sprintf("GetAll of %d ids, some unknown or malformed or twice; id %s", len(ids), quote(ids[i]))
		if (body == nil) != (want[i] == nil) || !bytes.Equal(body, want[i]) {
			c.fail(called, showBody(want[i]), "%s", showBody(body))
		}
	}
}

func showBody(body []byte) string {
	if body == nil {
		return "nil"
	}
	return quote(string(body))
}

func gotBodiesBelongToCaller(c *storeCase) {
	s := c.batch()
	ids := []string{c.put(s, "the first"), c.put(s, "the second")}
	ids = append(ids, ids[0])
	want := []string{"the first", "the second", "the first"}
	for i := range ids {
		bodies := c.getAll(s, ids...)
		copy(bodies[i][:cap(bodies[i])], strings.Repeat("!", cap(bodies[i])))
		for j, body := range bodies {
			if i != j && string(body) != want[j] {
				c.fail(fmt.Sprintf("GetAll, overwrite body %d, look at body %d", i, j), quote(want[j]), "%s", quote(string(body)))
			}
		}
		c.expect(s, "GetAll, overwrite a body", ids[i], want[i])
	}
}
