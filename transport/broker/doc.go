// Package broker has the parts that every bus over a message broker needs (Redis, NATS, MQTT and the like), so that its author writes
// the broker's protocol and nothing else. A Session is a transport.Session: it queues what the broker sends, waits for the broker's
// confirmations, and ends when something was lost. A Publisher sends requests over a connection of its own.
//
// The parts suit a bare connection as well as a client library: what reads is a function that runs on a goroutine of its own, or
// callbacks of the library.
//
// # Delivery
//
// A Session keeps what the broker delivers, in order, up to Config.Messages and Config.Bytes. When the queue is full it ends with
// ErrOverflow: the messages in the queue are received before that error, those that follow are lost. It does not reconnect.
//
// A Publisher sends nothing twice. A request that was interrupted or that failed does not take effect after a later one of the same
// Publisher: the next request waits until the broker has closed the connection of the old one.
package broker
