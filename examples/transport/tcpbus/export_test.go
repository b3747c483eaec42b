package tcpbus

import "github.com/backplane-go/backplane/transport/broker"

// NewWithAddresses returns a bus whose sessions connect to one address and which publishes to another.
func NewWithAddresses(sessions, publisher string) *Bus {
	return &Bus{broker.TCP(sessions), broker.NewPublisher(broker.TCP(publisher))}
}
