// Package retention keeps what is needed to recover clients that reconnect after a short time: a [Log] of what was
// sent to them, and a [Table] of sessions. Both are bounded: when a limit is exceeded, the oldest entries are evicted.
// They are not safe for concurrent use.
//
// # Files
//
//   - log.go: the entries of all streams, and their limits
//   - stream.go: the entries of one stream, by room
//   - evicted.go: which rooms the evicted entries were for
//   - table.go: the sessions, by id
//   - fifo.go: a queue in a slice
package retention
