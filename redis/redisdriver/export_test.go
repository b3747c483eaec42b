package redisdriver

import (
	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/redis/internal/server"
)

// NewWithClients returns a driver whose sessions and publisher connect with different clients.
func NewWithClients(sessions, publisher redis.UniversalClient, config Config) *Driver {
	d := NewWithConfig(sessions, config)
	d.publishTo(server.New(publisher, d.key))
	return d
}
