package core

import (
	"context"
	"slices"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
)

// This file has what a census finds out about nodes that may not answer.

// learned is which of some possible nodes answer. The names in answering are in part a guess, if answers had no names:
// only their number is certain.
type learned struct {
	possible  []string // in alphabetical order
	answering []string
}

// expected returns the nodes that are expected to answer, as far as it is known.
func (c *census) expected(nodes dialect.Nodes) []string {
	answering := nodes.Possible
	c.mu.Lock()
	if l := c.learned; l != nil && slices.Equal(l.possible, nodes.Possible) {
		answering = l.answering
	}
	c.mu.Unlock()
	return slices.Sorted(slices.Values(slices.Concat(nodes.Certain, answering)))
}

// learn finds out which of the possible nodes answer, unless that is known: it asks for the sockets in a room that
// does not exist.
func (c *census) learn(ctx context.Context, nodes dialect.Nodes) error {
	c.mu.Lock()
	known := c.learned != nil && slices.Equal(c.learned.possible, nodes.Possible)
	c.mu.Unlock()
	if known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	q, err := c.ns.requests.begin(codec.ListSockets, slices.Concat(nodes.Certain, nodes.Possible))
	if err != nil {
		return err
	}
	q.tallied = true // nobody has asked for it
	_ = c.ns.ask(ctx, q, &codec.Envelope{Type: codec.ListSockets, Opts: codec.Opts{Rooms: []string{randomID()}}})
	named, unnamed := q.senders()
	for _, node := range nodes.Certain {
		if !named[node] {
			unnamed--
		}
	}
	if unnamed < 0 {
		return nil // nodes are slow: ask again next time, and wait for all
	}
	l := &learned{possible: nodes.Possible}
	for _, node := range nodes.Possible {
		if named[node] {
			l.answering = append(l.answering, node)
		}
	}
	for _, node := range nodes.Possible {
		if !named[node] && unnamed > 0 {
			l.answering = append(l.answering, node)
			unnamed--
		}
	}
	c.mu.Lock()
	c.learned = l
	c.mu.Unlock()
	c.update(c.expected(nodes))
	return nil
}

// isNamed reports whether the answers of a node have its name.
func (c *census) isNamed(node string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.named[node]
}

// answeredLate notes that a node answered a request that was over: more nodes may answer than were expected. node is
// codec.Envelope.Node.
func (c *census) answeredLate(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if node == "" || c.learned != nil && slices.Contains(c.learned.possible, node) {
		c.learned = nil
	}
}
