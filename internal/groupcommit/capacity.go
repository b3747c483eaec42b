package groupcommit

// Capacity bounds the number of waiting items and their total size in bytes. The caller of its methods must
// hold the lock of its owner.
type Capacity struct {
	MaxItems, MaxBytes int
	items, bytes       int
	space              chan struct{} // closed when items leave; nil when no goroutine waits
}

// Enter adds an item and returns true if there is room. A single item may be larger than MaxBytes.
func (c *Capacity) Enter(size int) bool {
	if c.items >= c.MaxItems || c.bytes+size > c.MaxBytes && c.items > 0 {
		return false
	}
	c.Force(size)
	return true
}

// Space returns a channel that is closed when the caller should try Enter again.
func (c *Capacity) Space() <-chan struct{} {
	if c.space == nil {
		c.space = make(chan struct{})
	}
	return c.space
}

// Force adds an item even if there is no room.
func (c *Capacity) Force(size int) {
	c.items++
	c.bytes += size
}

// Leave removes an item.
func (c *Capacity) Leave(size int) {
	c.items--
	c.bytes -= size
	c.Wake()
}

// Empty removes all items.
func (c *Capacity) Empty() {
	c.items, c.bytes = 0, 0
	c.Wake()
}

// Items returns the number of items.
func (c *Capacity) Items() int { return c.items }

// Bytes returns the total size of the items.
func (c *Capacity) Bytes() int { return c.bytes }

// Crowded reports whether more than three quarters of the capacity are in use.
func (c *Capacity) Crowded() bool { return c.items > c.MaxItems/4*3 || c.bytes > c.MaxBytes/4*3 }

// Wake wakes the goroutines that wait for space.
func (c *Capacity) Wake() {
	if c.space != nil {
		close(c.space)
		c.space = nil
	}
}
