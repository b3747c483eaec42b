package quota

// Remembered returns the number of addresses that are kept, including those without a session.
func (t *Addresses) Remembered() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}
