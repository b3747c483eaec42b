// Package worker runs the processes of a chaos run. The coordinator starts them, sends them commands and reads their
// events; both are lines of JSON. Each process records its events without waiting for the coordinator, and counts what
// it has not freed.
//
// # Files
//
//   - process.go: a process, as the coordinator sees it
//   - signal_unix.go, signal_other.go: the signals that pause and resume a process
//   - commands.go: the commands that a process reads; bus.go: the bus of a process; database.go: SQL of the coordinator
//   - recorder.go: writes the events of a process
//   - leaks.go: goroutines and open files that a process has not freed
package worker
