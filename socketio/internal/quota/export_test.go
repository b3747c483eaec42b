package quota

// Remembered returns how many addresses are kept, those without a session among them.
func (t *Addresses) Remembered() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}
