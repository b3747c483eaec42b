package load

import "time"

// connects makes connections that stay. The first few are not measured. "connect" measures how long they take, for as long as
// Measure says at most, and "idle" leaves a server with all of them for so long and measures nothing but that.
func (r *run) connects() error {
	if err := r.loop.openAll(int(r.Warm), r.InFlight, patience); err != nil {
		return err
	}
	if r.loop.connected < int(r.Warm) {
		return errSlow
	}
	if r.Do == "idle" {
		time.Sleep(time.Second) // what the first connections left behind is settled, too
	}
	r.begin()
	if r.Do == "idle" {
		time.Sleep(time.Second) // while the server is looked at
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
		if err := r.rounds(seconds(r.Measure), never); err != nil {
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
