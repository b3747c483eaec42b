package core

import (
	"context"

	"github.com/backplane-go/backplane/codec"
)

// EmitWithAck sends an event to the sockets of the target and returns their acknowledgements, in the order in which they
// come, one value for each socket: the first argument of its acknowledgement. Value.All has all arguments; of a client of a Node.js
// node there is the first only, since its adapter sends no more. It ends when all sockets on all nodes have answered; when it ends before that, at the
// timeout or with ctx, the answers so far come with a *PartialError. Acks yields them as they come.
func (t Target) EmitWithAck(ctx context.Context, name string, args ...any) ([]codec.Value, error) {
	q, ctx, end, err := t.askClients(ctx, name, args)
	if err != nil {
		return nil, err
	}
	defer end()
	err = q.wait(ctx)
	return q.values, err
}

// send publishes a request and does this process's part of it, if local is not nil. When publishing fails, the request goes on with that.
func (t Target) send(ctx context.Context, q *request, env *codec.Envelope, local func()) {
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
		q.unreachable(t.ns.uid, ErrDeaf) // they are asked, but their answers do not arrive
	}
}

// ServerSideEmit sends an event to the other nodes' servers, not to this one and not to clients. It returns once the
// bus has it for all that listen, as Emit does. The rooms of the target mean nothing to it.
func (t Target) ServerSideEmit(ctx context.Context, name string, args ...any) error {
	data, err := t.event(name, args)
	if err != nil {
		return err
	}
	o := t.ns.operation(&codec.Envelope{Type: codec.ServerSideEmit, Args: data})
	defer o.release()
	o.forPeers = true
	return o.publish(ctx)
}

// ServerSideEmitWithAck sends an event to the other nodes' servers and returns their answers, one for each, in the order in
// which they come; none, at once, when there are no peers. Value.All has all arguments of an answer, of a Node.js node the first
// only. When not all answer in time, the answers so far come with a
// *PartialError.
func (t Target) ServerSideEmitWithAck(ctx context.Context, name string, args ...any) ([]codec.Value, error) {
	data, err := t.event(name, args)
	if err != nil {
		return nil, err
	}
	q, err := t.ns.requests.begin(codec.ServerSideEmit, t.ns.members.asked())
	if err != nil {
		return nil, err
	}
	err = t.ask(ctx, q, &codec.Envelope{Type: codec.ServerSideEmit, Args: data})
	return q.values, err
}

// ask publishes a request to the peers, if there are any and there is time, and waits for their answers.
func (t Target) ask(ctx context.Context, q *request, env *codec.Envelope) error {
	defer t.ns.requests.end(q)
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout(), ErrTimeout)
	defer cancel()
	if !q.late(ctx) && !q.complete() {
		t.send(ctx, q, env, nil)
	}
	return q.wait(ctx)
}
