package core

import (
	"context"
	"time"
)

// tick gives signs of life, forgets silent peers and gives up silent sessions.
func (c *Cluster) tick() {
	every := min(max(c.config.HeartbeatInterval/20, time.Millisecond), time.Second)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	c.process.beat = time.Now() // Start has just proved that the node hears itself
	for {
		select {
		case <-c.ctx.Done():
			return
		case now := <-ticker.C:
			all, heard, doubted := c.all(), c.listener.heardUntil(), false
			for _, ns := range all {
				doubted = ns.tick(now, heard) || doubted
			}
			c.process.tick(now, heard, all, doubted)
			c.listener.giveUp(now)
		}
	}
}

// expireAttachments removes what nobody will read any more.
func (c *Cluster) expireAttachments() {
	ticker := time.NewTicker(c.config.CleanupInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(c.ctx, c.config.PublishTimeout)
			err := rarely(func() error { return c.config.Store.Expire(ctx, c.config.AttachmentAge) })
			cancel()
			if err != nil && c.ctx.Err() == nil {
				c.report(&OpError{Op: "expire attachments", Err: err})
			}
		}
	}
}
