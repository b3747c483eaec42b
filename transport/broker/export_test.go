package broker

import "time"

// SetLinger shortens how long p waits for a broker that may be dead.
func (p *Publisher) SetLinger(d time.Duration) { p.linger = d }
