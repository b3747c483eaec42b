// Package groupcommit publishes queued items in batches. One goroutine publishes at a time, and the items that are
// queued while a batch is being published form the next batch. The longer a round trip takes, the more items share
// the next one.
//
// Package core queues the messages of a node in a Group, package emitter those of its callers.
//
// # Files
//
//   - capacity.go: bounds how many items wait, and how many bytes they have
//   - group.go: the queue, the goroutine that publishes, and the timer that finds out that the bus is stuck
//   - ticket.go: whether the publisher or the caller decides what happens to an item
package groupcommit
