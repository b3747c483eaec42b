package pgtest

import (
	"net/url"
	"testing"
)

// Redirect makes new connections go to another server, and cuts the others.
func (p *Proxy) Redirect(tb testing.TB, server string) {
	tb.Helper()
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = u.Host
	p.cutLocked()
}

func (p *Proxy) server() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target
}
