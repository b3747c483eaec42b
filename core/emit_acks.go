package core

import (
	"context"
	"iter"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
)

// EmitWithAck sends an event to the sockets of the target and returns their acknowledgements, in the order in which
// they arrive: one value for each socket, the first argument of its acknowledgement. Value.All returns all arguments;
// of clients of Node.js nodes there is only the first, because their adapter sends no more. EmitWithAck returns when
// all sockets on all nodes have answered. If the timeout passes or ctx ends before that, it returns the answers so
// far and a *PartialError. Acks yields the answers as they arrive.
func (t Target) EmitWithAck(ctx context.Context, name string, args ...any) ([]codec.Value, error) {
	q, ctx, end, err := t.askClients(ctx, name, args)
	if err != nil {
		return nil, err
	}
	defer end()
	err = q.wait(ctx)
	return q.values, err
}

// Acks is EmitWithAck for callers that cannot wait for the slowest client. It yields each acknowledgement as it
// arrives, one value for each socket. If not all sockets answer, the last pair that it yields is a null value and a
// *PartialError. The event is sent when the iteration begins. Leaving the iteration early is no error; later
// acknowledgements are ignored.
//
//	for answer, err := range ns.To("room").Acks(ctx, "ready?") {
//		…
//	}
func (t Target) Acks(ctx context.Context, name string, args ...any) iter.Seq2[codec.Value, error] {
	return func(yield func(codec.Value, error) bool) {
		q, ctx, end, err := t.askClients(ctx, name, args)
		if err != nil {
			yield(codec.Value{}, err)
			return
		}
		defer end()
		seen := 0
		for more := true; more; {
			var values []codec.Value
			values, more = q.after(ctx, seen)
			if !more { // q.values does not change any more after wait
				err = q.wait(ctx)
				values = q.values[seen:]
			}
			for _, v := range values {
				if !yield(v, nil) {
					return
				}
			}
			seen += len(values)
		}
		if err != nil {
			yield(codec.Value{}, err)
		}
	}
}

// askClients sends an event to the sockets of the target and asks for acknowledgements. The caller waits for them
// with the context that askClients returns, and then calls end.
func (t Target) askClients(
	ctx context.Context, name string, args []any,
) (q *request, asking context.Context, end func(), err error) {
	data, err := t.event(name, args)
	if err != nil {
		return nil, nil, nil, err
	}
	ns := t.ns
	var uids []string
	if !t.nobody && !t.local {
		if err := ns.cluster.wire.Check(codec.BroadcastAck, "emit with acknowledgement", 0, ""); err != nil {
			return nil, nil, nil, err
		}
		if uids, err = ns.presence.respondents(ctx); err != nil {
			return nil, nil, nil, err
		}
	}
	if !t.nobody {
		uids = append(uids, ns.uid)
	}
	if q, err = ns.requests.begin(codec.Broadcast, uids); err != nil {
		return nil, nil, nil, err
	}
	t.flags.Timeout = t.timeout()
	ctx, cancel := context.WithTimeoutCause(ctx, t.flags.Timeout, ErrTimeout)
	end = func() {
		cancel()
		ns.requests.end(q)
	}
	env := &codec.Envelope{Type: codec.Broadcast, Args: data, Opts: t.opts()}
	local := func() {
		guard.Do(func() {
			ns.broadcastAck(ctx, env,
				func(clients int) { q.count(ns.uid, clients) },
				func(v codec.Value) { q.ack(ns.uid, v) })
		}, func(err error) {
			ns.ownAnswerFailed(q, "LocalSockets.BroadcastAck", err)
			if err == ErrExited {
				end()
			}
		})
	}
	switch {
	case q.endIfLate(ctx), t.nobody: // no time is left, or there is nobody to ask
	case t.local:
		local()
	default:
		t.sendRequest(ctx, q, env, local)
	}
	return q, ctx, end, nil
}
