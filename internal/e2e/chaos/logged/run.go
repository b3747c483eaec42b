package logged

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// Options configure Run.
type Options struct {
	Plan Plan
	// Length is how long events are sent.
	Length time.Duration
	// Rate is the number of events per second. The nodes send half of them, the clients the other half.
	Rate int
	// Clients and Rooms are their numbers. Default: 20 and 8. A client is in a quarter of the rooms.
	Clients, Rooms int
	// Away is for how long clients can be recovered. Default: 2 min.
	Away time.Duration
	// Modules is the node_modules directory with socket.io-client.
	Modules string
	// Log receives a line for everything that happens.
	Log io.Writer
	// Events, if not nil, receives every event of every process, as JSON after the name of the process.
	Events io.Writer
}

// Result is the result of a run.
type Result struct {
	Verdict *Verdict
	History *History
	Faults  map[string]int // injected, by kind
	Remark  string         // of the server, may be empty
}

// run is a run of Run.
type run struct {
	options  Options
	server   server
	fault    sync.Mutex // held during a fault of the server
	balancer *balancer
	clients  *worker.Process
	began    time.Time
	members  []*member
	logging  sync.Mutex // guards options.Log and remarks
	remarks  int
	reported chan struct{}

	mu      sync.Mutex // guards the fields below
	history *History
	faults  map[string]int
	found   []chaos.Violation
}

// member is one place of the cluster with its current process. Only the fault that holds the mutex fault changes it;
// run.mu guards process and life against concurrent reads.
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
	if o.Clients == 0 {
		o.Clients = 20
	}
	if o.Rooms == 0 {
		o.Rooms = 8
	}
	if o.Away == 0 {
		o.Away = 2 * time.Minute
	}
	r := &run{options: o, faults: make(map[string]int), began: time.Now(), history: newHistory(o.Clients),
		reported: make(chan struct{}, 1)}
	if r.server, err = o.Plan.Engine.start(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.server.Stop()) }()
	if r.balancer, err = newBalancer(); err != nil {
		return nil, err
	}
	defer r.balancer.close()
	defer r.killAll()
	for place := range o.Plan.Engine.places {
		proxy, err := pgtest.StartProxy(r.server.URL())
		if err != nil {
			return nil, err
		}
		defer proxy.Close()
		r.members = append(r.members, &member{proxy: proxy})
		if err := errors.Join(r.start(place), r.opened(place)); err != nil {
			return nil, err
		}
	}
	if err := r.startClients(); err != nil {
		return nil, err
	}
	r.began = time.Now()
	var others sync.WaitGroup
	others.Go(func() { r.progress(ctx) })
	r.inject(ctx)
	others.Wait()
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	r.closeAll(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	verdict := Judge(r.history, o.Rooms, o.Away)
	verdict.Violations = append(verdict.Violations, r.found...)
	return &Result{Verdict: verdict, History: r.history, Faults: r.faults, Remark: r.server.remark()}, ctx.Err()
}

// progress logs the state of the run every ten seconds.
func (r *run) progress(ctx context.Context) {
	for end := r.began.Add(r.options.Length); time.Until(end) > 10*time.Second && wait(ctx, 10*time.Second) == nil; {
		sent, connects, recovered, anomalies := 0, 0, 0, 0
		r.mu.Lock()
		for _, s := range r.history.Streams {
			sent += len(s.Sent)
		}
		for _, c := range r.history.Clients {
			connects += len(c.Connects)
			anomalies += len(c.Anomalies)
			for _, connect := range c.Connects {
				if connect.Recovered {
					recovered++
				}
			}
		}
		r.mu.Unlock()
		r.log("---- %v left: %d events sent; clients connected %d times, of which recovered: %d; %d remarks about "+
			"numbers", time.Until(end).Round(time.Second), sent, connects, recovered, anomalies)
	}
}

func (r *run) violation(kind chaos.ViolationKind, node, format string, args ...any) {
	f := chaos.Violation{Kind: kind, Node: node, At: now(), Text: fmt.Sprintf(format, args...)}
	r.log("%s: %s", f.Node, f.Text)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = append(r.found, f)
}

func (r *run) log(format string, args ...any) {
	line := fmt.Sprintf("%s %7.2f s  %s\n", time.Now().Format("15:04:05.000"), time.Since(r.began).Seconds(),
		fmt.Sprintf(format, args...))
	r.logging.Lock()
	defer r.logging.Unlock()
	_, _ = io.WriteString(r.options.Log, line) // a failed log line does not matter
}

// remark logs what a client has found wrong, for the first ones.
func (r *run) remark(format string, args ...any) {
	const most = 200
	r.logging.Lock()
	r.remarks++
	n := r.remarks
	r.logging.Unlock()
	switch {
	case n < most:
		r.log(format, args...)
	case n == most:
		r.log("further remarks of clients are not logged")
	}
}

// event writes an event of a process to options.Events. r.mu is held.
func (r *run) event(name string, line []byte) {
	if r.options.Events != nil {
		fmt.Fprintf(r.options.Events, "%s %s", name, line)
	}
}
