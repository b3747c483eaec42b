package interop

import "github.com/backplane-go/backplane/internal/e2e/nodejs"

// Names from package nodejs.
type (
	// Inbox is a queue that tests wait on.
	Inbox[T any] = nodejs.Inbox[T]
	// Value is a value that JavaScript and Go exchange.
	Value = nodejs.Value
	// UTF16 is a JavaScript string that is not valid Unicode.
	UTF16 = nodejs.UTF16
	// Undefined is JavaScript's undefined.
	Undefined = nodejs.Undefined
	// View is binary data in a JavaScript class other than Buffer.
	View = nodejs.View
)

// Canon makes values of different decoders comparable.
func Canon(value any) any { return nodejs.Canon(value) }
