package server

import (
	"context"
	"net"

	"github.com/backplane-go/backplane/transport/broker"
)

// failoverAddress is what go-redis has as the address of a client for Sentinel, which has its own dialer.
const failoverAddress = "FailoverClient"

// AskSentinel makes sure that Sentinel still names the server to which a connection leads, if the client is one for
// Sentinel. The old server may not know yet that it is not the primary any more.
func (p *Primary) AskSentinel(ctx context.Context, old net.Conn) error {
	client, single := p.client.(singleClient)
	if !single || client.Options().Addr != failoverAddress {
		return nil
	}
	named, err := broker.Dialer{Dial: func(ctx context.Context) (net.Conn, error) {
		return client.Options().Dialer(ctx, client.Options().Network, failoverAddress)
	}}.Connect(ctx)
	if err != nil {
		return nil // nobody is the primary at the moment
	}
	defer named.Close()
	if named.RemoteAddr().String() != old.RemoteAddr().String() {
		return ErrMoved
	}
	return nil
}
