package socketio

import (
	"net/http"

	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/quota"
)

// address returns the address to which the limits per address apply, without its port.
func (c *Config) address(r *http.Request) string {
	if c.ClientAddress != nil {
		return host(c.ClientAddress(r))
	}
	return host(r.RemoteAddr)
}

// clients returns the configuration of the server's clients.
func (c *Config) clients() client.Config {
	return client.Config{
		MaxAttachments: c.MaxAttachments, MaxAttachmentBytes: c.MaxAttachmentBytes, MaxEvents: c.MaxEvents,
		MaxEventBytes: c.MaxEventBytes, MaxNamespaces: c.MaxNamespaces, MaxAuthBytes: c.MaxAuthBytes,
	}
}

// engine returns the configuration of the Engine.IO server.
func (c *Config) engine() engineio.Config {
	return engineio.Config{
		Path: c.Path, PingInterval: c.PingInterval, PingTimeout: c.PingTimeout, UpgradeTimeout: c.UpgradeTimeout,
		HeaderTimeout: c.HeaderTimeout, BodyTimeout: c.BodyTimeout, IdleTimeout: c.IdleTimeout,
		ShutdownTimeout: c.ShutdownTimeout,
		MaxPayload:      c.MaxPayload, SendQueue: c.SendQueue, SendQueueBytes: c.SendQueueBytes,
		Transports: c.Transports, NoUpgrades: c.NoUpgrades, AllowEIO3: c.AllowEIO3, Origins: c.Origins, Hosts: c.Hosts,
		TrustedProxies: c.TrustedProxies, Credentials: c.Credentials,
		Cookie: c.Cookie, Compress: c.Compress, CompressMin: c.CompressMin, HTTPCompression: c.HTTPCompression,
		MaxConnections: c.MaxConnections,
		Rates:          quota.RateLimits{Events: c.MaxEventsPerSecond, Bytes: c.MaxBytesPerSecond},
		PerAddress: quota.AddressLimits{Sessions: c.MaxConnectionsPerAddress, Unjoined: c.MaxUnjoinedPerAddress,
			Handshakes: c.MaxHandshakesPerSecond},
		Address: c.address, Admit: c.Admit,
	}
}
