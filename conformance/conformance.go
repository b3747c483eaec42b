// Package conformance proves that a bus, a store or a codec keeps the promises of its interface.
//
//	func TestConformance(t *testing.T) {
//		conformance.Bus(t, conformance.Harness{NewBus: newBus, Sever: killSessions})
//	}
//
// Every check is a subtest whose name is the promise it proves: run one with
//
//	go test -run 'TestConformance/OrderIsKept$'
//
// A failure says what was called, what was wanted, what came instead, and why that matters. A harness is a
// struct of funcs: a nil optional one skips its checks, each saying so by name. What else a bus can do is read
// from its Limits and from the optional interfaces it implements.
//
// The checks wait for events, never for time to pass: their deadline (Patience) only costs time when something
// is wrong, and that nothing arrives is proven by publishing something that must arrive next.
//
// The suites themselves are tested with mutants: for each check there is at least one bus, store or codec with
// exactly one bug that this check catches.
package conformance

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// defaultPatience is how long a check waits for what must happen.
const defaultPatience = 10 * time.Second

// check proves one promise to a C, which is the suite's case.
type check[C any] struct {
	// name is the promise, in CamelCase.
	name string
	// why cites the promise, and tells what goes wrong for users of a cluster if it is broken.
	why string
	run func(C)
}

// run runs all checks as subtests.
func run[C any](t *testing.T, checks []check[C], newCase func(testing.TB, check[C]) C) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(newCase(t, c)) })
	}
}

// probe is what the cases of all suites have in common.
type probe struct {
	testing.TB
	why      string
	patience time.Duration
	soak     bool
	trouble  atomic.Pointer[error] // the first one in the background
}

func newProbe(tb testing.TB, why string, patience time.Duration) *probe {
	if patience <= 0 {
		patience = defaultPatience
	}
	return &probe{TB: tb, why: why, patience: patience}
}

// scale returns how many, or how large: quick in the quick profile, soak in that of Soak.
func (p *probe) scale(quick, soak int) int {
	if p.soak {
		return soak
	}
	return quick
}

// fail ends the check. It is called from the check's own goroutine only.
func (p *probe) fail(called, wanted, format string, args ...any) {
	p.Helper()
	came := fmt.Sprintf(format, args...)
	if trouble := p.trouble.Load(); trouble != nil && !strings.Contains(came, strconv.Quote((*trouble).Error())) {
		came += fmt.Sprintf("; meanwhile another goroutine got the error %q", *trouble)
	}
	p.Fatalf("\n called: %s\n wanted: %s\n   came: %s\n    why: %s", called, wanted, came, p.why)
}

// meanwhile calls f in the background. Wait returns its error, which is part of every failure's text.
func (p *probe) meanwhile(f func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() {
		err := f()
		if err != nil {
			p.trouble.CompareAndSwap(nil, &err)
		}
		done <- err
	}()
	return func() error { return <-done }
}

// call calls f with a context that ends after the patience, and fails if f outlives it.
func (p *probe) call(called string, f func(ctx context.Context) error) error {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), p.patience)
	defer cancel()
	return p.watch(called, func() error { return f(ctx) })
}

// watch calls f and fails if it takes clearly longer than the patience.
func (p *probe) watch(called string, f func() error) error {
	p.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	limit := time.NewTimer(p.patience + p.patience/2)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C:
		p.Cleanup(func() { // whatever is cleaned up next, such as its session, is not for two goroutines at once
			select {
			case <-done:
			case <-time.After(p.patience):
			}
		})
		p.fail(called, "that it returns, at the latest when its context ends", "nothing: it still waits after %v", p.patience+p.patience/2)
		return nil
	}
}

// must calls f as call does and fails if it returns an error.
func (p *probe) must(called string, f func(ctx context.Context) error) {
	p.Helper()
	if err := p.call(called, f); err != nil {
		p.fail(called, "no error", "the error %q", err)
	}
}

// release calls f when the check is over, whatever has come of it.
func (p *probe) release(f func(ctx context.Context) error) {
	p.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), p.patience)
		defer cancel()
		f(ctx) // what Close must do is a check of its own
	})
}
