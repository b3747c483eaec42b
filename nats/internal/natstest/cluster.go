package natstest

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/backplane-go/backplane/conformance/proxy"
)

// Cluster is a NATS cluster of three servers.
type Cluster struct {
	Servers [3]*Server
	// Routes holds the connections between the first server and the second one. They pass through this proxy.
	Routes *proxy.Proxy
}

// NewCluster starts a cluster and waits until its servers are connected. change may change the options of each server.
func NewCluster(tb testing.TB, change func(o *server.Options)) *Cluster {
	tb.Helper()
	c := &Cluster{}
	var routes []*url.URL
	first := ""
	for i := range c.Servers {
		c.Servers[i] = New(tb, func(o *server.Options) {
			o.ServerName = fmt.Sprint("server", i)
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: server.RANDOM_PORT}
			o.Routes = append([]*url.URL(nil), routes...)
			if change != nil {
				change(o)
			}
		})
		address := fmt.Sprint("127.0.0.1:", c.Servers[i].options.Cluster.Port)
		switch i {
		case 0:
			c.Routes = proxy.Start(tb, address)
			routes = []*url.URL{route(c.Routes.Address())}
		case 1:
			routes = []*url.URL{route(address), route(first)}
		}
		first = address
	}
	c.Wait(tb, 3)
	return c
}

func route(address string) *url.URL { return &url.URL{Scheme: "nats", Host: address} }

// URL returns the URLs of all servers.
func (c *Cluster) URL() string {
	return c.Servers[0].URL() + "," + c.Servers[1].URL() + "," + c.Servers[2].URL()
}

// Wait waits until the first n servers are connected to each other.
func (c *Cluster) Wait(tb testing.TB, n int) {
	tb.Helper()
	Until(tb, "the servers to be connected", func() bool {
		for _, s := range c.Servers[:n] {
			if s.running.Running() && s.running.NumRemotes() < n-1 {
				return false
			}
		}
		return true
	})
}

// StallRoutes holds back what the first server and the second one tell each other, until resume is called.
func (c *Cluster) StallRoutes() (resume func()) { return proxy.Stall(c.Routes) }

// Until calls done until it returns true, and fails the test if it does not.
func Until(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("natstest: waited %v for %s", patience, what)
		}
	}
}
