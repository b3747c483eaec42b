package groupcommit

// Capacity bounds how many items wait and how many bytes they have. Its methods are called with its owner's lock held.
type Capacity struct {
	MaxItems, MaxBytes int
	items, bytes       int
	space              chan struct{} // closed when items leave; nil when nobody waits
}

// Enter lets an item in and returns true if there is room. A single item may be larger than MaxBytes.
func (c *Capacity) Enter(size int) bool {
	if c.items >= c.MaxItems || c.bytes+size > c.MaxBytes && c.items > 0 {
		return false
	}
	c.Force(size)
	return true
}

// Space returns a channel that is closed when Enter is worth another try.
func (c *Capacity) Space() <-chan struct{} {
	if c.space == nil {
		c.space = make(chan struct{})
	}
	return c.space
}

// Force lets an item in, even if there is no room.
func (c *Capacity) Force(size int) {
	c.items++
	c.bytes += size
}

// Leave lets an item out.
func (c *Capacity) Leave(size int) {
	c.items--
	c.bytes -= size
	c.Wake()
}

// Empty lets all items out.
func (c *Capacity) Empty() {
	c.items, c.bytes = 0, 0
	c.Wake()
}

// Items returns how many items are in.
func (c *Capacity) Items() int { return c.items }

// Crowded reports whether more than three quarters of the room are taken.
func (c *Capacity) Crowded() bool { return c.items > c.MaxItems/4*3 || c.bytes > c.MaxBytes/4*3 }

// Wake wakes those who wait for space.
func (c *Capacity) Wake() {
	if c.space != nil {
		close(c.space)
		c.space = nil
	}
}
