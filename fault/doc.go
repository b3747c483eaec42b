// Package fault defines the errors that several packages of this module return. The packages that return them
// export them under the same names: backplane.OpError, core.OpError and emitter.OpError are aliases of
// fault.OpError. Package fault imports only internal/excerpt from this module.
//
// Use errors.Is with the variables and errors.As with the types. The texts of the errors may change in any
// release.
//
// # Files
//
//   - fault.go: the variables and the errors of publishing and configuration
//   - panic.go: PanicError, a panic in application code
//   - socketio.go: QuotaError and ArgumentError, the errors of a Socket.IO server
package fault
