// Package cputime tells how much processor time this process has used. Tests and benchmarks use it.
package cputime
