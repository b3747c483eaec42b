package logged

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Plan is the list of the faults of a run.
type Plan struct {
	Engine Engine
	Seed   uint64
	Steps  []Step
}

// Step is one fault. It begins At after the start of the run.
type Step struct {
	At    time.Duration
	What  Fault
	Place int // of a node, from 0; -1: the server, or the clients
	For   time.Duration
	Dice  uint64 // for what the fault chooses at random

	node string // the name of the place
}

func (s Step) String() string {
	where := "server"
	switch {
	case s.Place >= 0:
		where = s.node
	case s.What.clients:
		where = "clients"
	case s.What.rolling:
		where = "all nodes"
	}
	return fmt.Sprintf("%7.2f s  %-18s %-12s %s", s.At.Seconds(), s.What.name, where, s.For.Round(time.Millisecond))
}

func (p Plan) String() string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}

// rest is the time without faults at the start and at the end.
const rest = 3 * time.Second

// NewPlan returns a plan for a run of this length with faults of all kinds, or only of the named ones, one every
// second. The same arguments return the same plan. Each kind occurs once before any kind occurs again, unless its
// place is busy: each node and the server have at most one fault at a time.
func (e Engine) NewPlan(seed uint64, length time.Duration, only ...string) Plan {
	random := rand.New(rand.NewPCG(seed, 15))
	p := Plan{Engine: e, Seed: seed}
	kinds := slices.DeleteFunc(e.kinds(),
		func(f Fault) bool { return len(only) > 0 && !slices.Contains(only, f.name) })
	busy := make(map[int]time.Duration) // until when each place has a fault
	var bag []Fault
	for at := rest; at < length-rest; at += time.Second {
		if len(bag) < len(kinds) {
			more := slices.Clone(kinds)
			random.Shuffle(len(more), func(i, j int) { more[i], more[j] = more[j], more[i] })
			bag = append(bag, more...)
		}
		for i, f := range bag {
			s := Step{At: at, What: f, Place: -1, Dice: random.Uint64(),
				For: f.least + time.Duration(random.Int64N(int64(f.most-f.least)+1))}
			key := -1
			switch {
			case f.clients:
				key = -2
			case f.rolling:
				key = -3
			case !f.server:
				s.Place = random.IntN(len(e.places))
				key, s.node = s.Place, e.places[s.Place].name
			}
			if busy[key] > at || at+s.For > length-rest {
				continue
			}
			busy[key] = at + s.For + 300*time.Millisecond
			bag = slices.Delete(bag, i, i+1)
			p.Steps = append(p.Steps, s)
			break
		}
	}
	return p
}
