package wire

import (
	"hash/maphash"
	"sync/atomic"
)

// distinct finds out which messages are likely to be equal to another one of the same batch, so that they can be made
// to differ: a bus that has to keep equal messages apart sends each in a round trip of its own.
type distinct struct {
	seed   maphash.Seed
	batch  atomic.Uint64 // counts batches: only what is sent together matters
	nonce  atomic.Uint64
	recent [1024]atomic.Uint64 // sums of messages, each in the place that it picks itself
}

func newDistinct() *distinct {
	d := &distinct{seed: maphash.MakeSeed()}
	d.nonce.Store(maphash.Bytes(d.seed, nil)) // another start in each process
	return d
}

// seen reports whether p was probably encoded before in this batch. Mistakes are harmless either way.
func (d *distinct) seen(p []byte) bool {
	const odd = 0x9e3779b97f4a7c15 // spreads the number of the batch over all bits
	sum := maphash.Bytes(d.seed, p) ^ d.batch.Load()*odd | 1
	return d.recent[sum>>1%uint64(len(d.recent))].Swap(sum) == sum
}

// number returns a nonce, never 0.
func (d *distinct) number() uint64 {
	for {
		if n := d.nonce.Add(1) & (1<<53 - 1); n != 0 { // what a JavaScript number holds
			return n
		}
	}
}
