package tcpbus

import "github.com/backplane-go/backplane/transport/broker"

// NewApart returns a bus whose sessions connect to one address and which publishes to another.
func NewApart(sessions, publisher string) *Bus {
	return &Bus{broker.TCP(sessions), broker.NewPublisher(broker.TCP(publisher))}
}
