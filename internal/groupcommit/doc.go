// Package groupcommit publishes queued items in batches. One goroutine publishes at a time, and the items that are
// queued while a batch is being published form the next batch. The longer a round trip takes, the more items share
// the next one.
//
// Package core uses a Group for the messages of a node, and package emitter for the messages of its callers.
//
// # Files
//
//   - capacity.go: bounds the number and the size of the waiting items
//   - group.go: the queue, the goroutine that publishes, and the timer that finds out that the bus is stuck
//   - ticket.go: whether the publisher or the caller decides what happens to an item
package groupcommit
