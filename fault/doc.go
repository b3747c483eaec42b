// Package fault defines the errors that several packages of this module return. The packages that return them have them
// under their own names too: backplane.OpError, core.OpError and emitter.OpError are fault.OpError. It imports nothing
// else of the module that a program could notice.
//
// Use errors.Is with the variables and errors.As with the types. No error's text is a promise.
package fault
