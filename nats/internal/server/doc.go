// Package server connects to NATS servers, with the options of a client of nats.go, and speaks their protocol.
//
// # Files
//
//   - options.go: which servers there are, and how the client introduces itself
//   - dial.go: connecting
//   - link.go: a connection
//   - witnesses.go: connections to the other servers of a cluster, which prove what they know
//   - witness.go: one of them
//   - confirm.go: waiting until servers have processed something
//   - ask.go: questions, and answers that other servers have heard, too
//   - errors.go: what went wrong
package server
