// Package busy keeps processors busy, for tests of what happens when there is too little time for everything.
package busy

import (
	"sync"
	"sync/atomic"
)

// Burn computes on n goroutines until stop is called, which waits for them to end.
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
