package conformance_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

// rosterCensus counts nodes by the names of their entries: the prefix, the namespace and the id of the node.
type rosterCensus struct {
	roster     transport.Roster
	prefix, id string

	mu      sync.Mutex // guards the following fields
	entries map[string]transport.Entry
}

var errNoRoster = errors.New("the bus is no transport.Roster")

func (c *rosterCensus) name(nsp string) string { return c.prefix + "\x1e" + nsp + "\x1f" }

func (c *rosterCensus) Enter(ctx context.Context, nsp string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[nsp] != nil {
		return nil
	}
	return c.enterLocked(ctx, nsp)
}

func (c *rosterCensus) enterLocked(ctx context.Context, nsp string) error {
	if c.roster == nil {
		return errNoRoster
	}
	entry, err := c.roster.Enter(ctx, c.name(nsp)+c.id)
	if err == nil {
		c.entries[nsp] = entry
	}
	return err
}

func (c *rosterCensus) Leave(ctx context.Context, nsp string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.entries[nsp]
	if entry == nil {
		return nil
	}
	delete(c.entries, nsp)
	return entry.Close(ctx)
}

func (c *rosterCensus) Others(ctx context.Context, nsp string) (nodes dialect.Nodes, err error) {
	if c.roster == nil {
		return nodes, errNoRoster
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	infos, err := c.roster.Entries(ctx, c.name(nsp))
	if err != nil {
		return nodes, err
	}
	own := c.name(nsp) + c.id
	for _, info := range infos {
		if info.Name != own {
			nodes.Certain = append(nodes.Certain, info.Name)
		}
	}
	if c.entries[nsp] != nil && !slices.ContainsFunc(infos, func(i transport.EntryInfo) bool { return i.Name == own }) {
		err = c.enterLocked(ctx, nsp)
	}
	return nodes, err
}
