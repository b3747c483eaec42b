package load

import "time"

// connects opens connections and keeps them open. The first Warm connections are not measured. The command "connect"
// measures how many connections succeed within Measure seconds. The command "idle" opens all connections and then
// waits for Measure seconds.
func (r *run) connects() error {
	if err := r.loop.openAll(int(r.Warm), r.InFlight, patience); err != nil {
		return err
	}
	if r.loop.connected < int(r.Warm) {
		return errSlow
	}
	if r.Do == "idle" {
		time.Sleep(time.Second) // until the server is idle again
	}
	r.begin()
	if r.Do == "idle" {
		time.Sleep(time.Second) // while the coordinator measures the server
	}
	limit := seconds(r.Measure)
	if r.Do == "idle" {
		limit = 6 * patience
	}
	if err := r.loop.openAll(r.Clients, r.InFlight, limit); err != nil {
		return err
	}
	count := r.loop.connected - int(r.Warm)
	if r.Do == "idle" {
		if err := r.readUntil(seconds(r.Measure), never); err != nil {
			return err
		}
	}
	r.end(count, Reply{})
	if r.Do == "idle" && r.loop.connected < r.Clients {
		return errSlow
	}
	r.done(0, 0)
	return nil
}
