package wire

import (
	"hash/maphash"
	"sync/atomic"
)

// distinct finds messages that are probably equal to another one of the same batch, so that they can be made
// different. A bus that has to keep equal messages apart would send each in its own round trip.
type distinct struct {
	seed   maphash.Seed
	batch  atomic.Uint64 // the number of the batch: only messages that are sent together matter
	nonce  atomic.Uint64
	recent [1024]atomic.Uint64 // sums of messages; the sum says at which index it is
}

func newDistinct() *distinct {
	d := &distinct{seed: maphash.MakeSeed()}
	d.nonce.Store(maphash.Bytes(d.seed, nil)) // a different start in each process
	return d
}

// seen reports whether p was probably encoded before in this batch. A wrong result is harmless.
func (d *distinct) seen(p []byte) bool {
	const odd = 0x9e3779b97f4a7c15 // spreads the batch number over all bits
	sum := maphash.Bytes(d.seed, p) ^ d.batch.Load()*odd | 1
	return d.recent[sum>>1%uint64(len(d.recent))].Swap(sum) == sum
}

// number returns a nonce, never 0.
func (d *distinct) number() uint64 {
	for {
		if n := d.nonce.Add(1) & (1<<53 - 1); n != 0 { // a JavaScript number can hold it
			return n
		}
	}
}
