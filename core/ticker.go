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
	for {
		select {
		case <-c.ctx.Done():
			return
		case now := <-ticker.C:
			heard := c.listener.heardUntil()
			for _, ns := range c.all() {
				ns.tick(now, heard)
			}
			c.listener.giveUp(now.Add(-c.config.HeartbeatInterval * 9 / 10))
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
			err := c.config.Store.Expire(ctx, c.config.AttachmentAge)
			cancel()
			if err != nil && c.ctx.Err() == nil {
				c.report(&OpError{Op: "expire attachments", Err: err})
			}
		}
	}
}
