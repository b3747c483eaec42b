package core

import (
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/guard"
)

// CallError is reported, or returned to who has caused the call, when code that the cluster calls, such as a Local, has panicked or
// has ended its goroutine.
type CallError struct {
	Namespace string // empty if it was for none
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

// callOf says which call of a Local a message leads to.
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

// trace calls a func of the Trace. Since that is done by goroutines that must not end, it is done apart.
func (c *Cluster) trace(name string, f func()) {
	if err := guard.Isolate(f); err != nil {
		c.traced(name, err)
	}
}

// traced reports that a func of the Trace has failed.
func (c *Cluster) traced(name string, err error) {
	c.report(&CallError{Call: "Trace." + name, Err: err})
}

// failed reports that Local has failed at a message of a peer, which need not wait for an answer.
func (ns *Namespace) failed(env *codec.Envelope, err error) {
	ns.cluster.report(&CallError{Namespace: ns.name, Call: callOf(env), Err: err})
	if env.RequestID != "" && env.Type.Known() && len(env.RequestID) <= maxRequestID {
		ns.tellRefused(env)
	}
}

// failedAsked notes that this node's part of a request has failed. Whoever waits for the request is told, unless that goroutine
// ends.
func (ns *Namespace) failedAsked(q *request, call string, err error) {
	fault := &CallError{Namespace: ns.name, Call: call, Err: err}
	q.fail(ns.uid, fault)
	if err == ErrExited {
		ns.cluster.report(fault)
	}
}

// localPartFailed notes that Local has failed at an operation of this process. Whoever waits for it is told, unless that goroutine
// ends.
func (o *outgoing) localPartFailed(err error) {
	fault := &CallError{Namespace: o.ns.name, Call: callOf(&o.env), Err: err}
	if err != ErrExited {
		o.fault = fault
		return
	}
	o.ns.cluster.report(fault)
	switch {
	case !o.waits:
	case o.holders.Load() > 1: // it is being published
		o.holders.Add(1)
		go func() {
			defer o.release()
			if err := <-o.done; err != nil {
				o.ns.unsent(err)
			}
		}()
	default: // it was, or there was no room for it
		select {
		case <-o.done:
		default:
		}
	}
}
