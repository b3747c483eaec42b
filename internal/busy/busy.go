// Package busy keeps processors busy. It is for tests of what happens when there is too little processor time.
package busy

import (
	"sync"
	"sync/atomic"
)

// Burn computes on n goroutines until stop is called. stop waits until the goroutines have ended.
func Burn(n int) (stop func()) {
	var group sync.WaitGroup
	var done atomic.Bool
	for range n {
		group.Go(func() {
			for x := uint64(1); !done.Load(); {
				for range 1000 {
					x = x*6364136223846793005 + 1
				}
			}
		})
	}
	return func() {
		done.Store(true)
		group.Wait()
	}
}
