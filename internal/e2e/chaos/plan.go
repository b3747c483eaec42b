package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Plan is the list of the faults of a run.
type Plan struct {
	Seed  uint64
	Steps []Step
}

// Step is one fault. It begins At after the start of the run.
type Step struct {
	At   time.Duration
	What Fault
	Node int // the place of the node, from 0; -1: the server
	For  time.Duration
}

func (s Step) String() string {
	where := "server"
	if s.Node >= 0 {
		where = places[s.Node].name
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

// places are the nodes. A process that ends is replaced by a new one at the same place.
var places = []struct {
	name, driver string
	heartbeat    time.Duration // a node with a longer interval notices a silent connection later
	visits       bool          // it opens and closes namespaces, so it notices earlier
	processors   int           // processors that it may use; 0: all
}{
	{name: "a (pgx)", driver: "pgx", heartbeat: 1500 * time.Millisecond, visits: true},
	{name: "b (lib/pq)", driver: "pq", heartbeat: 2500 * time.Millisecond, visits: true},
	{name: "c (pgx)", driver: "pgx", heartbeat: 4 * time.Second, processors: 1},
	{name: "d (Node.js)", driver: "node", heartbeat: 1500 * time.Millisecond},
}

// rest is the time without faults at the start and at the end.
const rest = 2 * time.Second

// NewPlan returns a plan for a run of this length with faults of all kinds, or only of the named ones. The same
// arguments return the same plan. Each kind occurs once before any kind occurs again. Each node, and the
// server, has at most one fault at a time; faults of different nodes may overlap.
func NewPlan(seed uint64, length time.Duration, only ...string) Plan {
	random := rand.New(rand.NewPCG(seed, 0))
	p := Plan{Seed: seed}
	kinds := slices.DeleteFunc(slices.Clone(faultKinds),
		func(t Fault) bool { return len(only) > 0 && !slices.Contains(only, t.name) })
	if len(kinds) == 0 {
		return p
	}
	busy := make(map[int]time.Duration) // until when each place has a fault
	var bag []Fault
	for at := rest; ; at += 700*time.Millisecond + time.Duration(random.Int64N(int64(2500*time.Millisecond))) {
		if len(bag) == 0 {
			bag = append(bag, kinds...)
			random.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
		}
		t := bag[0]
		s := Step{At: at, What: t, Node: -1, For: t.least + time.Duration(random.Int64N(int64(t.most-t.least)+1))}
		if !t.server {
			s.Node = random.IntN(len(places))
			for places[s.Node].driver == "node" && t.goOnly {
				s.Node = random.IntN(len(places))
			}
		}
		if s.At+s.For > length-rest {
			if at > length-rest {
				return p
			}
			s.For = max(length-rest-s.At, 0)
		}
		if busy[s.Node] > at {
			continue
		}
		bag = bag[1:]
		busy[s.Node] = at + s.For + 300*time.Millisecond
		p.Steps = append(p.Steps, s)
	}
}

// Kinds returns the names of all faults.
func Kinds() (names []string) {
	for _, t := range faultKinds {
		names = append(names, t.name)
	}
	return names
}
