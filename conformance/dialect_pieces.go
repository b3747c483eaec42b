package conformance

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

func piecesFitTheBus(c *dialectChecker) {
	c.eachSplitter(func(n *wireNode) {
		most := n.options.Limits.Payload
		for _, limit := range []int{transport.MinPayload, most - 1, most} {
			for _, size := range []int{limit, limit + 1, 2 * limit, 3*limit - 7, 20 * limit} {
				for _, s := range n.large(size) {
					n.split(s, limit)
				}
			}
		}
		for nsp := range slices.Values(n.namespaces()) {
			s := n.large(3 * most)[0]
			s.env.NSP, s.env.Opts.Rooms = nsp, []string{"a#b"}
			n.split(s, most)
		}
	})
}

func piecesAreJoined(c *dialectChecker) {
	c.eachSplitter(func(n *wireNode) {
		most := n.options.Limits.Payload
		for _, limit := range []int{transport.MinPayload, most} {
			for _, size := range []int{limit, 2 * limit, 10*limit + 1, c.scale(1<<20, 16<<20)} {
				for _, s := range n.large(size) {
					pieces := n.split(s, limit)
					called := fmt.Sprintf("%s, Split into %d pieces", n.called(s), len(pieces))
					if early := n.deliver(called, s, pieces[:len(pieces)-1]...); len(early) > 0 {
						c.fail(called+", Parse all but the last", "nothing to deliver", "%d messages", len(early))
					}
					n.expectDelivered(called, s, n.deliver(called, s, pieces[len(pieces)-1]))
				}
			}
		}
	})
}

func interleavedPiecesAreJoined(c *dialectChecker) {
	c.eachSplitter(func(n *wireNode) {
		type sent struct {
			s      sample
			pieces [][]byte
		}
		var all []sent
		for i := range 6 {
			sender := c.open(n.options) // a Wire of another node, which knows nothing of the others
			for k := range 2 {
				s := c.broadcast(fmt.Sprintf("text %d of sender %d", k, i), fmt.Sprint(i, k, asciiText(30_000+i)),
					false)
				s.env.UID = fmt.Sprintf("%016x", i)
				s.env.NSP = []string{"/", "/chat"}[i%2]
				all = append(all, sent{s, sender.split(s, n.options.Limits.Payload)})
			}
		}
		whole := c.broadcast("a whole message", 1, false)
		between, _ := n.append(whole)
		got := make(map[int][]*codec.Envelope)
		for round := 0; len(got) < len(all) && round < 1000; round++ {
			for i, m := range all {
				if round < len(m.pieces) {
					if envs := n.deliver(n.called(m.s)+", interleaved", m.s, m.pieces[round]); len(envs) > 0 {
						got[i] = append(got[i], envs...)
					}
				}
				n.expectDelivered("a whole message between pieces", whole, n.deliver(n.called(whole), whole, between))
			}
		}
		for i, m := range all {
			n.expectDelivered(n.called(m.s)+", interleaved with others", m.s, got[i])
		}
	})
}

func lostPiecesBlockNothing(c *dialectChecker) {
	c.eachSplitter(func(n *wireNode) {
		sender := c.open(n.options)
		for i := range 40 {
			s := c.broadcast(fmt.Sprintf("message %d", i), fmt.Sprint(i, asciiText(40_000)), false)
			pieces := sender.split(s, n.options.Limits.Payload)
			if lost := i % (len(pieces) + 1); i%2 == 0 && lost < len(pieces) {
				called := fmt.Sprintf("%s without piece %d of %d", n.called(s), lost, len(pieces))
				if got := n.deliver(called, s, slices.Delete(pieces, lost, lost+1)...); len(got) > 0 {
					c.fail(called+", Parse", "nothing to deliver", "%d messages", len(got))
				}
				continue
			}
			n.expectDelivered(n.called(s)+" after a message without one piece", s, n.deliver(n.called(s), s, pieces...))
		}
	})
}

func shuffledPiecesNeverMix(c *dialectChecker) {
	c.eachSplitter(func(n *wireNode) {
		random := rand.New(rand.NewPCG(5, 6)) // the same in each run
		for i := range c.scale(60, 1000) {
			s := c.broadcast(fmt.Sprintf("message %d", i), fmt.Sprint(i, asciiText(30_000)), false)
			pieces := c.open(n.options).split(s, n.options.Limits.Payload)
			last := pieces[len(pieces)-1]
			if i%3 > 0 {
				random.Shuffle(len(pieces), func(i, k int) { pieces[i], pieces[k] = pieces[k], pieces[i] })
			}
			all := slices.Clone(pieces)
			switch twice := random.IntN(len(all) - 1); i % 4 {
			case 0:
				all = slices.Insert(all, twice+1, all[twice])
			case 2:
				all = append(all, last) // after the message is complete
			}
			called := fmt.Sprintf("%s, %d pieces, in another order or twice", n.called(s), len(pieces))
			got := n.deliver(called, s, all...)
			if i%6 == 3 || len(got) > 0 { // once and in order, the message must come
				n.expectDelivered(called, s, got)
			}
		}
	})
}

func piecesKeepLittleMemory(c *dialectChecker) {
	c.eachSplitter(func(n *wireNode) {
		most := int64(2*c.harness.MaxKept + 16<<20)
		kept := int64(0)
		for range 3 { // other goroutines may free memory at the wrong moment
			if kept = c.open(n.options).keepPieces(4*c.harness.MaxKept + 32<<20); kept <= most {
				return
			}
		}
		c.fail(fmt.Sprintf("Parse %d bytes of incomplete messages", 4*c.harness.MaxKept+32<<20),
			fmt.Sprintf("at most %d bytes kept (twice DialectHarness.MaxKept, and 16 MiB)", most), "%d", kept)
	})
}

// measuring is held while memory is measured: the pieces of another check would count too.
var measuring sync.Mutex

// keepPieces parses pieces of messages that never become complete, and returns how many bytes the Wire keeps of them.
// The node cannot be used any more.
func (n *wireNode) keepPieces(feed int) (kept int64) {
	n.Helper()
	for !measuring.TryLock() {
		n.noteCall("another check that measures memory")
		time.Sleep(10 * time.Millisecond)
	}
	defer measuring.Unlock()
	sender, limit := n.open(n.options), n.options.Limits.Payload
	s := n.broadcast("", asciiText(4*limit), false)
	s.name = "BROADCAST whose last piece is lost"
	for fed := 0; fed < feed; {
		pieces := sender.split(s, limit)
		if len(pieces) == 1 {
			n.fail(n.called(s)+", Split", "more than one piece", "one")
		}
		n.deliver(n.called(s), s, pieces[:len(pieces)-1]...)
		for _, p := range pieces[:len(pieces)-1] {
			fed += len(p)
		}
	}
	whole := n.large(4 * limit)[0]
	n.expectDelivered("a message after many incomplete ones", whole,
		n.deliver(n.called(whole), whole, sender.split(whole, limit)...))
	before := n.heapInUse()
	runtime.KeepAlive(n.wire)
	n.wire = nil
	return before - n.heapInUse()
}

// heapInUse returns the bytes of reachable objects, the least of some measurements: other goroutines allocate too.
func (n *wireNode) heapInUse() int64 {
	least := int64(math.MaxInt64)
	for range 3 {
		var m runtime.MemStats
		for range 2 {
			n.noteCall("the messages and measure memory")
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		least = min(least, int64(m.HeapAlloc))
	}
	return least
}

func foreignPiecesAreMalformed(c *dialectChecker) {
	const most = 4 << 20 // bytes allocated for a piece
	c.eachSplitter(func(n *wireNode) {
		limit := n.options.Limits.Payload
		s := n.large(2 * limit)[0]
		channel := n.channel(n.route(s.env.NSP, s.env.UID), s)
		first := n.split(s, limit)[0]
		for i := range min(len(first), c.scale(200, 2000)) {
			type foreign struct {
				called string
				p      []byte
			}
			all := []foreign{{fmt.Sprintf("%s, a piece cut to %d bytes", n.called(s), i), first[:i]}}
			for _, change := range []string{"\xff", "0", "9", "-", "\x00", "_", "999999999999"} {
				pieces := n.split(s, limit) // a new message each time
				for k, p := range pieces {
					called := fmt.Sprintf("%s, piece %d, with %q at byte %d of piece %d", n.called(s), k, change, i,
						i%len(pieces))
					if k == i%len(pieces) {
						p = slices.Concat(p[:min(i, len(p))], []byte(change), p[min(i+len(change), len(p)):])
					}
					all = append(all, foreign{called, p})
				}
			}
			used := allocatedBytes(func() {
				for _, f := range all {
					n.parseForeign(f.called, channel, bytes.Clone(f.p))
				}
			})
			for _, f := range all {
				if used > most {
					n.expectSmallAllocation(f.called, channel, f.p, most)
				}
			}
		}
	})
}

// expectSmallAllocation fails the check if a Parse allocates too much each time.
func (n *wireNode) expectSmallAllocation(called, channel string, p []byte, most uint64) {
	n.Helper()
	least := uint64(1 << 62)
	for try := 0; try < 100 && least > most; try++ { // other goroutines may allocate too
		least = min(least, allocatedBytes(func() { n.parseForeign(called, channel, bytes.Clone(p)) }))
	}
	if least > most {
		n.fail(called+", Parse", fmt.Sprintf("at most %d bytes allocated", most), "%d", least)
	}
}
