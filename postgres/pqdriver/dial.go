package pqdriver

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// dialer opens the driver's own connections.
type dialer struct{ dsn string }

var _ engine.Dialer = (*dialer)(nil)

// settings parses the DSN and fills in the defaults.
func (d *dialer) settings(name string) (pq.Config, error) {
	config, err := pq.NewConfig(d.dsn)
	if err != nil {
		return config, err
	}
	if config.ApplicationName == "" {
		config.ApplicationName = name
	}
	if config.ConnectTimeout <= 0 {
		config.ConnectTimeout = engine.ConnectTimeout
	}
	return config, nil
}

// listenDSN returns the DSN with the defaults filled in, for the part of lib/pq that only accepts a DSN.
func (d *dialer) listenDSN(name string) (string, error) {
	config, err := d.settings(name)
	if err != nil {
		return "", err
	}
	timeout := strconv.Itoa(int(config.ConnectTimeout / time.Second))
	if strings.HasPrefix(d.dsn, "postgres://") || strings.HasPrefix(d.dsn, "postgresql://") {
		u, err := url.Parse(d.dsn)
		if err != nil {
			return "", err
		}
		query := u.Query()
		query.Set("application_name", config.ApplicationName)
		query.Set("connect_timeout", timeout)
		u.RawQuery = query.Encode()
		return u.String(), nil
	}
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	// The defaults are at the start, where they cannot become the value of an incomplete key at the end of the
	// DSN.
	defaults := "application_name='" + escape.Replace(config.ApplicationName) + "' connect_timeout='" + timeout + "' "
	return defaults + d.dsn, nil
}

// netDialer makes lib/pq dial through a handle.
type netDialer struct{ handle *engine.Handle }

var _ pq.DialerContext = netDialer{}

func (d netDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d.handle.Dial(new(net.Dialer).DialContext)(ctx, network, address)
}

func (d netDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d netDialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}
