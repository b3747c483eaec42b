package core

import "sync/atomic"

// once returns f for its first call, and nothing for further ones.
func once[T any](f func(T)) func(T) {
	var called atomic.Bool
	return func(v T) {
		if called.CompareAndSwap(false, true) {
			f(v)
		}
	}
}
