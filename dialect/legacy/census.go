package legacy

import (
	"context"
	"sync"

	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// census implements dialect.Census. Node.js's servers name the connection that listens after a namespace, and count
// the connections with that name. Each namespace here has a connection of its own for this.
type census struct {
	roster transport.Roster // nil if the bus is none
	entry  entryNames
	most   int // connections

	mu     sync.Mutex
	places map[string]*place // by namespace
	taken  int               // places that hold an entry or open one
}

// place is an entered namespace. The mutex of the census guards it.
type place struct {
	nsp     string
	held    transport.Entry // nil if there is none
	opening chan struct{}   // not nil while an entry is being opened; then closed
	left    bool
}

func newCensus(roster transport.Roster, prefix string, most int) *census {
	return &census{roster: roster, entry: newEntryNames(prefix), most: most, places: make(map[string]*place)}
}

// check returns an error if nodes cannot be counted.
func (c *census) check() error {
	if c.roster == nil {
		return &fault.ConfigError{Field: "Bus",
			Reason: "the legacy dialect counts nodes by their connections: it needs a bus on PostgreSQL"}
	}
	return nil
}

// Enter implements dialect.Census.
func (c *census) Enter(ctx context.Context, nsp string) error {
	if err := c.check(); err != nil || nsp == "" {
		return err
	}
	c.mu.Lock()
	p := c.places[nsp]
	if p == nil {
		p = &place{nsp: nsp}
		c.places[nsp] = p
	}
	c.mu.Unlock()
	for {
		opening, err := c.open(ctx, p, nil)
		if opening == nil {
			return err
		}
		select {
		case <-opening:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// open gives p an entry if it has none or the one that was lost, unless there are too many entries. If another call is
// doing that, open returns a channel that will be closed.
func (c *census) open(ctx context.Context, p *place, lost transport.Entry) (opening <-chan struct{}, err error) {
	c.mu.Lock()
	if p.opening != nil {
		defer c.mu.Unlock()
		return p.opening, nil
	}
	again := lost != nil && p.held == lost
	if p.left || !again && (p.held != nil || c.taken >= c.most) {
		c.mu.Unlock()
		return nil, nil
	}
	if !again {
		c.taken++
	}
	p.held, p.opening = nil, make(chan struct{})
	c.mu.Unlock()

	if again {
		_ = lost.Close(ctx) // its connection has ended: an error says nothing new
	}
	entry, err := c.roster.Enter(ctx, c.entry.of(p.nsp))

	c.mu.Lock()
	close(p.opening)
	p.opening = nil
	left := p.left
	if err != nil || left {
		c.taken--
	} else {
		p.held = entry
	}
	c.mu.Unlock()
	if err == nil && left {
		return nil, entry.Close(ctx)
	}
	return nil, err
}

// name returns the name of this node among those that Others of other nodes returns. It is empty if they do not see it.
func (c *census) name(nsp string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.places[nsp]; p != nil && p.held != nil {
		return p.held.Info().ID
	}
	return ""
}

// Leave implements dialect.Census. If Enter is still working, Enter closes the connection that it opens.
func (c *census) Leave(ctx context.Context, nsp string) error {
	c.mu.Lock()
	p := c.places[nsp]
	if p == nil {
		c.mu.Unlock()
		return nil
	}
	delete(c.places, nsp)
	p.left = true
	held := p.held
	if held != nil {
		p.held = nil
		c.taken--
	}
	c.mu.Unlock()
	if held == nil {
		return nil
	}
	return held.Close(ctx)
}

// Others implements dialect.Census. The nodes are connections. If the connection of this node cannot be opened again,
// Others returns the other nodes all the same, and the next call tries again.
func (c *census) Others(ctx context.Context, nsp string) (dialect.Nodes, error) {
	if err := c.check(); err != nil {
		return dialect.Nodes{}, err
	}
	own := make(map[string]bool)
	p, held := c.own(own, nsp)
	entries, err := c.roster.Entries(ctx, c.entry.query)
	if err != nil {
		return dialect.Nodes{}, err
	}
	c.own(own, nsp)
	shown := c.entry.shown(nsp)
	found := false // this node's entry
	if held != nil {
		shown = shown.exactly(held.Info().Name)
	}
	var nodes dialect.Nodes
	for _, e := range entries {
		switch {
		case held != nil && e.ID == held.Info().ID:
			found = true
		case own[e.ID]:
		default:
			verdict := c.entry.judge(e, nsp, shown)
			switch verdict {
			case certain:
				nodes.Certain = append(nodes.Certain, e.ID)
			case possible:
				nodes.Possible = append(nodes.Possible, e.ID)
			}
			if verdict != foreign && e.Marked {
				nodes.Named = append(nodes.Named, e.ID)
			}
		}
	}
	if p != nil && !found {
		_, _ = c.open(ctx, p, held) // see above
	}
	return nodes, nil
}

// own adds the ids of this process's entries to ids. It returns the place of nsp and its entry, nil if there are none.
func (c *census) own(ids map[string]bool, nsp string) (*place, transport.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.places {
		if p.held != nil {
			ids[p.held.Info().ID] = true
		}
	}
	if p := c.places[nsp]; p != nil {
		return p, p.held
	}
	return nil, nil
}
