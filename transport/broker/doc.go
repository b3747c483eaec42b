// Package broker has the parts that every bus over a message broker, such as Redis, NATS or MQTT, needs. The
// author of a bus only implements the protocol of the broker.
//
// A Session is a transport.Session: it queues the messages from the broker, waits for the broker's
// confirmations, and ends when a message was lost. A Publisher sends requests over its own connection.
//
// A bus that keeps messages (transport.Log) passes them on with Session.DeliverRecord, and the session returns them
// with their positions.
//
// Both work with a bare connection as well as with a client library: messages are read either by a function
// that runs on its own goroutine, or by callbacks of the library.
//
// # Delivery
//
// A Session keeps the broker's messages in order, up to Config.Messages and Config.Bytes. When the queue is
// full, the session ends with ErrOverflow: the messages in the queue are received before that error, and later
// messages are lost. A Session does not reconnect.
//
// A Publisher sends nothing twice. A request that was interrupted or failed does not take effect after a later
// request of the same Publisher: the next request waits until the broker has closed the old connection.
//
// # Files
//
//   - session.go: Session and its Config; how it receives and ends
//   - listen.go: subscribing and the broker's confirmations
//   - probe.go: whether the broker still answers
//   - queue.go: the queue of received messages
//   - publisher.go: Publisher, one request at a time
//   - conn.go: Dialer and Conn; interruption by a context
//   - closed_unix.go, closed_other.go: whether the broker has closed an idle connection
package broker
