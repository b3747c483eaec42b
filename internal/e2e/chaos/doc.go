// Package chaos injects faults into a cluster and follows every message.
//
// Run starts a PostgreSQL server, three Go nodes and one Node.js node, each in a process with its own proxy,
// and lets them send messages to each other. Meanwhile it injects the faults of a Plan, which is derived from a
// seed: the network stalls, loses and delays data and refuses connections; backends are terminated, tables are
// locked and recreated, and the server crashes; processes are paused, starved of CPU time and killed. Each node
// reports the messages it sends and receives and the errors it gets. At the end Judge compares these reports;
// Verdict says what counts as a violation.
//
// The Node.js node is a witness: messages that it loses or reorders are counted, but are not violations.
//
// # Files
//
//   - plan.go, faults.go, inject.go: which faults are injected and when, and how
//   - run.go, members.go, settle.go: the run, and its processes
//   - node.go, open.go, client.go, traffic.go, calls.go: what a Go node does in its process
//   - witness.js: the Node.js node
//   - event.go, history.go: what nodes report
//   - judge.go, losses.go, print.go: the verdict
package chaos
