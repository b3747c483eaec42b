// Package cputime measures the processor time of this process, for tests and benchmarks.
package cputime
