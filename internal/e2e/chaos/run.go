package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// Options configure Run.
type Options struct {
	Plan Plan
	// Length is how long the nodes send messages.
	Length time.Duration
	// Rate is the number of messages per second of each stream. A Go node has two streams.
	Rate int
	// Modules is the node_modules directory with the packages of the Node.js node. Empty: no Node.js node.
	Modules string
	// Secret, if not empty, makes the nodes sign their messages and use the codec for clusters without Node.js.
	// Modules is ignored then.
	Secret string
	// Tolerance is how much later than its limit a call may return. 0: 100 ms. A thread may be paused for that long on
	// a machine that has much else to do, and the process does not notice.
	Tolerance time.Duration
	// Log receives a line for everything that happens.
	Log io.Writer
	// Events, if not nil, receives every event of every node: the node's number and the event as JSON.
	Events io.Writer
}

// Result is the result of a run.
type Result struct {
	Verdict *Verdict
	History *History
	Faults  map[string]int // injected, by kind
}

// run is a run of Run.
type run struct {
	options Options
	server  *pgtest.Server
	began   time.Time
	nodes   []*member
	logging sync.Mutex // guards options.Log

	mu      sync.Mutex // guards the fields below
	history History
	faults  map[string]int
	found   []Violation
}

// member is one place of the cluster with its current process. Only the fault that holds the mutex fault changes it;
// run.mu guards process against concurrent reads.
type member struct {
	fault   sync.Mutex // held during a fault
	proxy   *pgtest.Proxy
	process *worker.Process // nil: no process
	life    *Node
}

// patience limits each wait while there are no faults.
const patience = 60 * time.Second

// Run carries out the plan and judges the result. It returns an error if it could not finish the run.
func Run(ctx context.Context, o Options) (result *Result, err error) {
	if o.Secret != "" {
		o.Modules = ""
	}
	r := &run{options: o, faults: make(map[string]int), began: time.Now()}
	r.history.Tolerance = o.Tolerance.Microseconds()
	if r.server, err = pgtest.Start(ctx, "fsync=off"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.server.Stop()) }()
	defer r.killAll()
	for i := range places {
		if places[i].driver == "node" && o.Modules == "" {
			r.log("no Node.js node: its packages are missing, or a secret is set")
			continue
		}
		proxy, err := pgtest.StartProxy(r.server.URL())
		if err != nil {
			return nil, err
		}
		defer proxy.Close()
		r.nodes = append(r.nodes, &member{proxy: proxy})
		if err := r.start(i, nil); err != nil {
			return nil, err
		}
		if err := r.nodes[i].process.Await(Opened, patience); err != nil {
			return nil, fmt.Errorf("%s: %w", places[i].name, err)
		}
	}
	r.began = time.Now()
	r.inject(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	ended := now()
	r.closeAll(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	verdict := Judge(&r.history, ended)
	verdict.Violations = append(verdict.Violations, r.found...)
	return &Result{Verdict: verdict, History: &r.history, Faults: r.faults}, nil
}

// inject injects the faults of the plan and returns when all are over.
func (r *run) inject(ctx context.Context) {
	var steps sync.WaitGroup
	defer steps.Wait()
	steps.Go(func() { r.progress(ctx) })
	for _, s := range r.options.Plan.Steps {
		if s.Node >= len(r.nodes) {
			continue
		}
		if wait(ctx, time.Until(r.began.Add(s.At))) != nil {
			return
		}
		if s.Node >= 0 && !r.nodes[s.Node].fault.TryLock() {
			r.log("skipped, because the previous fault of the node is not over yet: %v", s)
			continue
		}
		r.log("%v", s)
		r.mu.Lock()
		r.faults[s.What.name]++
		r.mu.Unlock()
		steps.Go(func() {
			if s.Node >= 0 {
				defer r.nodes[s.Node].fault.Unlock()
			}
			if err := s.What.do(ctx, r, s); err != nil {
				r.log("%s: %v", s.What.name, err)
			}
		})
	}
	_ = wait(ctx, time.Until(r.began.Add(r.options.Length)))
}

// progress logs the state of the run every ten seconds and restarts the witness if it receives nothing.
func (r *run) progress(ctx context.Context) {
	heard := 0
	for end := r.began.Add(r.options.Length); time.Until(end) > 10*time.Second && wait(ctx, 10*time.Second) == nil; {
		sent, got, gaps, drops := 0, 0, 0, 0
		r.mu.Lock()
		for _, n := range r.history.Nodes {
			for _, s := range n.Sent {
				sent += len(s)
			}
			for _, g := range n.Got {
				got += len(g)
			}
			gaps += len(n.Gaps)
			drops += len(n.Drops)
		}
		r.mu.Unlock()
		if now := r.witnessed(); now == heard {
			r.revive()
		} else {
			heard = now
		}
		r.log("---- %v left: %d messages sent, %d delivered, %d gaps and %d drops reported",
			time.Until(end).Round(time.Second), sent, got, gaps, drops)
	}
}

func (r *run) leak(node, format string, args ...any) { r.violation(Leak, node, format, args...) }

func (r *run) violation(kind ViolationKind, node, format string, args ...any) {
	f := Violation{kind, node, now(), fmt.Sprintf(format, args...)}
	r.log("%s: %s", f.Node, f.Text)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = append(r.found, f)
}

func (r *run) log(format string, args ...any) {
	line := fmt.Sprintf("%s %7.2f s  %s\n", Clock(now()), time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	r.logging.Lock()
	defer r.logging.Unlock()
	_, _ = io.WriteString(r.options.Log, line) // a failed log line does not matter
}

func (r *run) database() worker.Database { return worker.Database(r.server.URL()) }

// count returns the number of backends that meet a condition, math.MaxInt if the server cannot be asked.
func (r *run) count(ctx context.Context, condition string) int {
	return r.database().Count(ctx, "SELECT count(*) FROM pg_stat_activity WHERE "+condition, math.MaxInt)
}

// comeUp starts the server again, even after the end of the run's context. It retries, because the remaining
// processes of a killed server may block the start for a while.
func (r *run) comeUp(before error) error {
	for end := time.Now().Add(patience); ; {
		err := r.server.StartUp(context.Background())
		if err == nil || time.Now().After(end) {
			return errors.Join(before, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
