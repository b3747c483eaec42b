package core

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

// outcome says how a request has ended.
type outcome string

const (
	outcomeComplete outcome = "complete" // all nodes have answered
	outcomeTimeout  outcome = "timeout"  // some nodes have not answered in time
	outcomeRefused  outcome = "refused"  // some nodes have refused to answer
	outcomeLeft     outcome = "left"     // some nodes have left before they had answered
	outcomeCanceled outcome = "canceled" // the caller, or Close, has ended it
	outcomeFailed   outcome = "failed"   // it could not be sent, or answers could not be used
)

var outcomes = []outcome{
	outcomeComplete, outcomeTimeout, outcomeRefused, outcomeLeft, outcomeCanceled, outcomeFailed,
}

// tally identifies a counter of requests.
type tally struct {
	kind    codec.Type
	outcome outcome
}

// allTallies returns the counters of all kinds and outcomes.
func allTallies() (all []tally) {
	for kind := range operations {
		for _, o := range outcomes {
			all = append(all, tally{kind, o})
		}
	}
	return all
}

func requestStats(t tallies[tally]) []RequestStats {
	all := make([]RequestStats, 0, len(t))
	for k, n := range t {
		all = append(all, RequestStats{Kind: operations[k.kind], Outcome: string(k.outcome), Count: n.Load()})
	}
	slices.SortFunc(all, func(a, b RequestStats) int {
		return strings.Compare(a.Kind+"\x00"+a.Outcome, b.Kind+"\x00"+b.Outcome)
	})
	return all
}

// outcomeOf returns how a request has ended. Nobody changes it any more, or the caller holds mu. A request that has not
// ended is one that its caller does not wait for.
func (q *request) outcomeOf() outcome {
	switch {
	case !q.ended:
		return outcomeCanceled
	case errors.Is(q.err, ErrTimeout), errors.Is(q.err, context.DeadlineExceeded):
		return outcomeTimeout
	case errors.Is(q.err, ErrClosed), errors.Is(q.err, context.Canceled):
		return outcomeCanceled
	case q.err != nil:
		return outcomeFailed
	case len(q.refused) > 0:
		return outcomeRefused
	case len(q.left) > 0:
		return outcomeLeft
	}
	return outcomeComplete
}

// count counts a request that is over, once.
func (r *requests) count(q *request) {
	q.mu.Lock()
	first := !q.tallied && r.counts != nil
	q.tallied = true
	o := q.outcomeOf()
	q.mu.Unlock()
	if !first {
		return
	}
	if n := r.counts[tally{q.kind, o}]; n != nil {
		n.Add(1)
	}
}

// number returns how many requests wait for answers.
func (r *requests) number() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.open)
}
