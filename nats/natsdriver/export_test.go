package natsdriver

import "github.com/nats-io/nats.go"

// NewWithServers returns a driver whose sessions and publisher connect to different servers.
func NewWithServers(sessions, publisher string, config Config, options ...nats.Option) *Driver {
	d := NewWithConfig(config, sessions, options...)
	d.publishTo(d.connectTo(publisher, options))
	return d
}

// Subject returns the subject of a channel.
func (d *Driver) Subject(channel string) string { return d.subject(channel) }
