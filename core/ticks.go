package core

import (
	"context"
	"time"
)

// tickLoop sends heartbeats, forgets silent peers and gives up silent sessions, until the cluster is closed.
func (c *Cluster) tickLoop() {
	every := min(max(c.config.HeartbeatInterval/20, time.Millisecond), time.Second)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	c.process.lastBeat = time.Now() // Start has just proved that the node receives its own messages
	for {
		select {
		case <-c.ctx.Done():
			return
		case now := <-ticker.C:
			all, heard, doubtful := c.all(), c.listener.heardUntil(), false
			for _, ns := range all {
				doubtful = ns.tick(now, heard) || doubtful
			}
			c.process.tick(now, heard, all, doubtful)
			c.listener.giveUpIfSilent(now)
		}
	}
}

// tick does what is due in the namespace. heard is when the session last proved that it works, zero when there is no
// session. It reports whether a peer is about to be given up.
func (ns *Namespace) tick(now, heard time.Time) (doubtful bool) {
	if ns.mustListenAgain.CompareAndSwap(true, false) {
		ns.askToListen()
	}
	if ns.rooms != nil {
		ns.rooms.tick(now)
	}
	if ns.tellsLog.CompareAndSwap(true, false) {
		ns.announceLog(false)
	}
	return ns.listening.Load() && ns.presence.tick(now, heard)
}

// expireAttachments removes old attachments from the store until the cluster is closed.
func (c *Cluster) expireAttachments() {
	ticker := time.NewTicker(c.config.CleanupInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(c.ctx, c.config.PublishTimeout)
			err := callRarely(func() error { return c.config.Store.Expire(ctx, c.config.AttachmentAge) })
			cancel()
			if err != nil && c.ctx.Err() == nil {
				c.report(&OpError{Op: "expire attachments", Err: err})
			}
		}
	}
}
