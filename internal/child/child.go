// Package child is about the processes that tests and benchmarks start.
package child
