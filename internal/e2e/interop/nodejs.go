package interop

import "github.com/backplane-go/backplane/internal/e2e/nodejs"

// What peers and other Node.js processes of tests have in common.
type (
	// Inbox is a queue that a test waits on.
	Inbox[T any] = nodejs.Inbox[T]
	// Value is anything a peer sends or is sent.
	Value = nodejs.Value
	// UTF16 is a JavaScript string that Go's cannot express.
	UTF16 = nodejs.UTF16
)

// Canon makes values of different decoders comparable.
func Canon(value any) any { return nodejs.Canon(value) }
