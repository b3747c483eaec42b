package core

import (
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/guard"
)

// CallError says that code of the application that the cluster called, such as LocalSockets, panicked or ended its
// goroutine. It is returned by the method that led to the call, or reported if there is none.
type CallError struct {
	Namespace string // empty if the call was for none
	Call      string // what was called: "LocalSockets.Broadcast", "Trace.Received", "OnCustomRequest"
	Err       error  // a *PanicError, or ErrExited
}

func (e *CallError) Error() string {
	text := ""
	if p, is := e.Err.(*PanicError); is {
		text = p.Error() // bounds itself
	} else if e.Err != nil {
		text = excerpt.Error(e.Err)
	}
	return fmt.Sprintf("backplane: namespace %q, %s: %s", excerpt.Of(e.Namespace), e.Call, text)
}

// Unwrap returns Err.
func (e *CallError) Unwrap() error { return e.Err }

// callOf returns which method of LocalSockets a message leads to.
func callOf(env *codec.Envelope) string {
	switch env.Type {
	case codec.Broadcast:
		if env.RequestID != "" {
			return "LocalSockets.BroadcastAck"
		}
		return "LocalSockets.Broadcast"
	case codec.FetchSockets:
		return "LocalSockets.Sockets"
	case codec.SocketsJoin:
		return "LocalSockets.Join"
	case codec.SocketsLeave:
		return "LocalSockets.Leave"
	case codec.DisconnectSockets:
		return "LocalSockets.Disconnect"
	}
	return "LocalSockets.ServerSideEmit"
}

// trace calls a function of the Trace on another goroutine, because the cluster's goroutines must not end.
func (c *Cluster) trace(name string, f func()) {
	if err := guard.Isolate(f); err != nil {
		c.traceFailed(name, err)
	}
}

// traceFailed reports that a function of the Trace panicked or ended its goroutine.
func (c *Cluster) traceFailed(name string, err error) {
	c.report(&CallError{Call: "Trace." + name, Err: err})
}

// handlingFailed reports that LocalSockets failed at a message of a peer, and tells the peer not to wait for an answer.
func (ns *Namespace) handlingFailed(env *codec.Envelope, err error) {
	ns.cluster.report(&CallError{Namespace: ns.name, Call: callOf(env), Err: err})
	if env.RequestID != "" && env.Type.Known() && len(env.RequestID) <= maxRequestID {
		ns.sendRefused(env)
	}
}

// ownAnswerFailed notes that this node's part of a request failed. The caller of the request gets the error, unless
// its goroutine ends.
func (ns *Namespace) ownAnswerFailed(q *request, call string, err error) {
	failure := &CallError{Namespace: ns.name, Call: call, Err: err}
	q.fail(ns.uid, failure)
	if err == ErrExited {
		ns.cluster.report(failure)
	}
}

// localPartFailed notes that LocalSockets failed at an operation of this process. The caller gets the error, unless
// its goroutine ends. Then the error is reported, and so is that of the message, if its outcome is still to come.
func (o *outgoing) localPartFailed(err error) {
	failure := &CallError{Namespace: o.ns.name, Call: callOf(&o.env), Err: err}
	if err != ErrExited {
		o.fault = failure
		return
	}
	o.ns.cluster.report(failure)
	switch {
	case !o.waits:
	case o.holders.Load() > 1: // the publisher has the message
		o.holders.Add(1)
		go func() {
			defer o.release()
			if err := <-o.done; err != nil {
				o.ns.reportUnsent(err)
			}
		}()
	default: // the outcome is there, or there was no room for the message
		select {
		case <-o.done:
		default:
		}
	}
}
