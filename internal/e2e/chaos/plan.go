package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Plan is what is done to the nodes and the server, and when.
type Plan struct {
	Seed  uint64
	Steps []Step
}

// Step is one fault: it begins at a time after the start of the run and lasts for a while.
type Step struct {
	At   time.Duration
	What Trouble
	Node int // the place of the node, from 0 on; -1: the server
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

// places are the nodes. A process that ends is replaced by another one at the same place.
var places = []struct {
	name, driver string
	heartbeat    time.Duration // the longer, the later a node notices that nothing arrives
	visits       bool          // it opens and closes namespaces, and so notices earlier
	processors   int           // that it may use; 0: all
}{
	{name: "a (pgx)", driver: "pgx", heartbeat: 1500 * time.Millisecond, visits: true},
	{name: "b (lib/pq)", driver: "pq", heartbeat: 2500 * time.Millisecond, visits: true},
	{name: "c (pgx)", driver: "pgx", heartbeat: 4 * time.Second, processors: 1},
	{name: "d (Node.js)", driver: "node", heartbeat: 1500 * time.Millisecond},
}

// rest is how long all is well before the first fault and after the last.
const rest = 2 * time.Second

// NewPlan makes a plan of faults for so long, of all kinds or of those that are named. The same arguments make the same plan.
// Every kind comes once before any comes again. A node, and the server, has one trouble at a time; several of them may be in
// trouble together.
func NewPlan(seed uint64, length time.Duration, only ...string) Plan {
	random := rand.New(rand.NewPCG(seed, 0))
	p := Plan{Seed: seed}
	kinds := slices.DeleteFunc(slices.Clone(troubles), func(t Trouble) bool { return len(only) > 0 && !slices.Contains(only, t.name) })
	if len(kinds) == 0 {
		return p
	}
	busy := make(map[int]time.Duration) // until when
	var bag []Trouble
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

// Kinds are the names of the faults that there are.
func Kinds() (names []string) {
	for _, t := range troubles {
		names = append(names, t.name)
	}
	return names
}
