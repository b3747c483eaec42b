package broker

import "time"

// SetLinger makes p wait less for a broker that may be dead.
func (p *Publisher) SetLinger(d time.Duration) { p.linger = d }
