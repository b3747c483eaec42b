// Package chaos breaks a cluster on purpose and follows every message through it.
//
// Run starts a PostgreSQL, three Go nodes and one Node.js node, each a process of its own behind a proxy of its own, and lets
// them send to each other. Meanwhile it injects the faults of a Plan, which a seed determines: the network stalls, loses, delays
// and refuses; backends are terminated, tables locked and recreated, the server crashes; processes are stopped, starved and
// killed. Each node reports what it sends, what it receives and which errors it is told of. Judge compares all of that in the
// end: see Verdict for what it looks for.
//
// The Node.js node is a witness. What it loses or reorders is counted, and is no fault of this library.
package chaos
