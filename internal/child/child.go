// Package child helps tests and benchmarks with the processes that they start.
package child
