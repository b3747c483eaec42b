package socketio

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/quota"
	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// environment is what all parts of a server share: the configuration, and the ways to report what happens.
type environment struct {
	config    Config
	journal   *journal.Journal
	memory    *quota.Budget
	scheduler sched.Scheduler          // of the goroutines that call the application's functions
	reached   map[Quota]*atomic.Uint64 // how often each quota was reached
	counts    counts
}

func (e *environment) init(config Config) {
	e.config, e.counts = config, newCounts()
	e.journal = journal.New(config.Logger)
	e.memory = quota.NewBudget(config.MaxMemory)
	e.reached = make(map[Quota]*atomic.Uint64, len(quota.All))
	for _, q := range quota.All {
		e.reached[q] = new(atomic.Uint64)
	}
}

// report logs an error that cannot be returned to a caller, and gives it to Config.ErrorHandler.
func (e *environment) report(err error) {
	e.logError(err)
	guard.Report(e.config.ErrorHandler, err)
}

// isolate calls f, a function of the application, on another goroutine and waits for it. It is for functions that
// are called rarely, or from goroutines that must not end: f may call runtime.Goexit. A panic is reported. isolate
// returns false if f did not return.
func (e *environment) isolate(namespace, socket, event string, f func()) bool {
	err := guard.Isolate(f)
	if err != nil {
		e.report(&HandlerError{Namespace: namespace, Socket: socket, Event: event, Err: err})
	}
	return err == nil
}

// isolateAll is like isolate, for several functions.
func isolateAll[F any](e *environment, namespace, socket, event string, all []F, call func(F)) {
	_ = guard.Isolate(func() { // guard.All reports the error
		guard.All(all, call, func(err error) {
			e.report(&HandlerError{Namespace: namespace, Socket: socket, Event: event, Err: err})
		})
	})
}

// audit calls Config.Audit.
func (e *environment) audit(event AuditEvent) {
	if e.config.Audit == nil {
		return
	}
	event.Time, event.Namespace, event.Reason = time.Now(), excerpt.Of(event.Namespace), excerpt.Of(event.Reason)
	e.config.Audit(event)
}

// auditClient logs an event about a client, and calls Config.Audit with it.
func (e *environment) auditClient(c *client.Client, event AuditEvent) {
	to := clientEvent(&event)
	writes := to != nil && e.journal.Writes(to)
	if e.config.Audit == nil && !writes {
		return
	}
	event.Address = e.config.address(c.Conn().Request(context.Background()))
	if writes {
		e.logClient(to, &event)
	}
	e.audit(event)
}

// quotaReached counts and audits that a client has reached a quota, and returns the error for it. namespace and
// socket identify the client's socket that has reached it; both may be empty.
func (e *environment) quotaReached(c *client.Client, q Quota, namespace, socket string) *QuotaError {
	err := &QuotaError{Quota: q, Limit: e.config.limit(q)}
	e.countQuota(err)
	e.auditClient(c, AuditEvent{Kind: AuditQuota, Namespace: namespace, SID: socket, Reason: string(q), Err: err})
	return err
}

// countQuota counts and logs that a quota was reached.
func (e *environment) countQuota(err *QuotaError) {
	if n := e.reached[err.Quota]; n != nil {
		n.Add(1)
	}
	e.logQuota(err)
}

// requestRefused counts, audits and reports a request that was refused.
func (e *environment) requestRefused(err error) {
	var refused *engineio.RefusedError
	var quota *QuotaError
	event := AuditEvent{Kind: AuditRefuse, Reason: "forbidden", Err: err}
	if errors.As(err, &refused) {
		event.Address, event.Reason = refused.Address, refused.Reason()
	}
	if errors.As(err, &quota) {
		event.Reason = string(quota.Quota)
		e.countQuota(quota)
	}
	count(e.counts.refusals, event.Reason)
	e.audit(event)
	guard.Report(e.config.ErrorHandler, err)
}
