package core

// capacity bounds how many items wait, and how many bytes they have. Its user calls it under a lock.
type capacity struct {
	maxItems, maxBytes int
	items, bytes       int
	space              chan struct{} // closed when items leave; nil when nobody waits
}

// enter lets an item in, or returns ErrQueueFull, or, when it may wait, a channel that is closed once it is worth another try. A
// single item may be larger than all the bytes allowed.
func (c *capacity) enter(size int, wait bool) (space <-chan struct{}, err error) {
	if full := c.items >= c.maxItems || c.bytes+size > c.maxBytes && c.items > 0; !full {
		c.force(size)
		return nil, nil
	}
	if !wait {
		return nil, ErrQueueFull
	}
	if c.space == nil {
		c.space = make(chan struct{})
	}
	return c.space, nil
}

// force lets an item in, whether there is room or not.
func (c *capacity) force(size int) {
	c.items++
	c.bytes += size
}

// leave lets an item out.
func (c *capacity) leave(size int) {
	c.items--
	c.bytes -= size
	c.free()
}

// empty lets all items out.
func (c *capacity) empty() {
	c.items, c.bytes = 0, 0
	c.free()
}

// free tells those who wait that there may be room.
func (c *capacity) free() {
	if c.space != nil {
		close(c.space)
		c.space = nil
	}
}

// crowded reports whether there is little room left.
func (c *capacity) crowded() bool {
	return c.items > c.maxItems/4*3 || c.bytes > c.maxBytes/4*3
}
