// Package cputime measures the processor time of this process, for tests and benchmarks.
//
// # Files
//
//   - cputime.go: the package documentation
//   - used_unix.go, used_windows.go, used_other.go: Used for each operating system
package cputime
