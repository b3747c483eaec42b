package core

import (
	"context"

	"github.com/backplane-go/backplane/codec"
)

// sendRequest publishes a request, and calls local, unless nil, for this process's part. If publishing fails, the
// request goes on with this process's part.
func (t Target) sendRequest(ctx context.Context, q *request, env *codec.Envelope, local func()) {
	env.RequestID = q.id
	o := t.ns.operation(env)
	defer o.release()
	o.localPart, o.forPeers = local, true
	if err := o.publish(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		q.unreachable(t.ns.uid, err)
	} else if t.ns.cluster.listener.heardUntil().IsZero() {
		q.unreachable(t.ns.uid, ErrDeaf) // the nodes are asked, but their answers do not arrive
	}
}

// ServerSideEmit sends an event to the servers of the other nodes, not to this one and not to clients. Like Emit, it
// returns once the bus has accepted the event. It ignores the rooms of the target.
func (t Target) ServerSideEmit(ctx context.Context, name string, args ...any) error {
	data, err := t.event(name, args)
	if err != nil {
		return err
	}
	if err := t.checkServerSideEmit(); err != nil {
		return err
	}
	o := t.ns.operation(&codec.Envelope{Type: codec.ServerSideEmit, Args: data})
	defer o.release()
	o.forPeers = true
	return o.publish(ctx)
}

// checkServerSideEmit returns an error if the dialect has no server-side events.
func (t Target) checkServerSideEmit() error {
	return t.ns.cluster.wire.Check(codec.ServerSideEmit, "server-side emit", codec.CustomRequest, "use CustomRequest")
}

// ServerSideEmitWithAck sends an event to the servers of the other nodes and returns their answers, one for each
// node, in the order in which they arrive. Without peers it returns none, at once. Value.All returns all arguments of
// an answer; of a Node.js node there is only the first. If not all nodes answer in time, it returns the answers so
// far and a *PartialError.
func (t Target) ServerSideEmitWithAck(ctx context.Context, name string, args ...any) ([]codec.Value, error) {
	data, err := t.event(name, args)
	if err != nil {
		return nil, err
	}
	if err := t.checkServerSideEmit(); err != nil {
		return nil, err
	}
	peers, err := t.ns.presence.respondents(ctx)
	if err != nil {
		return nil, err
	}
	q, err := t.ns.requests.begin(codec.ServerSideEmit, peers)
	if err != nil {
		return nil, err
	}
	err = t.ask(ctx, q, &codec.Envelope{Type: codec.ServerSideEmit, Args: data})
	return q.values, err
}

// ask publishes a request to the peers, if there are peers and time, and waits for the answers.
func (t Target) ask(ctx context.Context, q *request, env *codec.Envelope) error {
	defer t.ns.requests.end(q)
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout(), ErrTimeout)
	defer cancel()
	if !q.endIfLate(ctx) && !q.isOver() {
		t.sendRequest(ctx, q, env, nil)
	}
	return q.wait(ctx)
}
