//go:build race

package main_test

// The tests with the race detector run a binary that has it too.
func init() { buildFlags = append(buildFlags, "-race") }
