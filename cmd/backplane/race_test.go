//go:build race

package main_test

// With the race detector, the tests run a binary with the race detector.
func init() { buildFlags = append(buildFlags, "-race") }
