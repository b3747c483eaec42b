package socketio

import (
	"context"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

// handleServerSide calls the namespace's functions for an event that another node has sent with ServerSideEmit.
// reply is nil if that node wants no answer.
func (ns *Namespace) handleServerSide(args backplane.Args, reply func(backplane.Value)) {
	ns.mu.Lock()
	handlers := ns.serverSide[args.Event()]
	ns.mu.Unlock()
	if len(handlers) == 0 {
		return
	}
	var ack func(...any)
	if reply != nil {
		ack = func(values ...any) { ns.answer(args.Event(), reply, values) }
	}
	isolateAll(ns.env, ns.name, "", args.Event(), handlers, func(h *handler.Handler) {
		if err := h.Call(context.Background(), args, ack); err != nil {
			ns.env.report(&HandlerError{Namespace: ns.name, Event: args.Event(), Err: guard.Error(err)})
		}
	})
}

// answer sends values to another node as the answer. The answer is null if values cannot be encoded.
func (ns *Namespace) answer(event string, reply func(backplane.Value), values []any) {
	var v backplane.Value
	defer func() { reply(v) }() // deferred: runs even if the encoding of a value ends the goroutine
	report := func(err error) { ns.env.report(&HandlerError{Namespace: ns.name, Event: event, Err: err}) }
	guard.Do(func() {
		all, err := backplane.NewValue(append([]any{}, values...)) // an array, even if there are no values
		if err != nil {
			report(err)
		}
		v, _ = codec.Acked(all)
	}, report)
}
