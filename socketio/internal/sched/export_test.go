package sched

// Idle returns the number of idle workers.
func (s *Scheduler) Idle() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.idle)
}

// MaxIdle is the maximum number of idle workers that are kept.
const MaxIdle = maxIdle
