package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/transport"
)

// This file has checks for servers that keep no tables: Redis and NATS.

// loopback checks that a message comes back, on the connections that a node would use.
func loopback(ctx context.Context, s *subject) finding {
	bus := s.server.Driver()
	defer connect.CloseDriver(ctx, bus)
	start := time.Now()
	listener, err := listen.Open(ctx, listen.Config{
		Bus: bus, Own: s.flags.OwnChannel(), Timeout: s.flags.Timeout, Deliver: func(transport.Message, time.Time) {},
	})
	took := time.Since(start)
	if err != nil {
		return finding{Status: fail, Detail: "no message came back: " + s.server.Explain(err).Error(), Advice: repeat}
	}
	listener.Close(ctx)
	return pass("a message came back, %s after the start of the connection", milliseconds(took))
}

// askedNodes asks the nodes of the namespace to answer.
func askedNodes(ctx context.Context, s *subject) finding {
	bus := s.server.Driver()
	defer connect.CloseDriver(ctx, bus)
	if s.flags.Counts() {
		return s.countedNodes(ctx, bus)
	}
	nodes, err := listen.Announced(ctx, s.flags, bus, s.nsp, settle)
	if err != nil {
		return finding{Status: fail, Detail: "they cannot be asked: " + s.server.Explain(err).Error(), Advice: repeat}
	}
	if len(nodes) == 0 {
		return pass("none of %s is connected", s.nsp)
	}
	last := 0.0
	for _, n := range nodes {
		last = max(last, n.AnswerMS)
	}
	return pass("nodes of %s that have answered: %d, the last after %.1f ms", s.nsp, len(nodes), last)
}

func (s *subject) countedNodes(ctx context.Context, bus transport.Bus) finding {
	found, err := listen.CountListeners(ctx, s.flags, bus, s.nsp, 0)
	if err != nil {
		return finding{Status: fail, Detail: "they cannot be asked: " + s.server.Explain(err).Error(), Advice: repeat}
	}
	ours, last := 0, 0.0
	for _, a := range found.Answers {
		if last = max(last, a.AnswerMS); a.Ours() {
			ours++
		}
	}
	switch {
	case found.Nodes == 0:
		return pass("none of %s is connected", s.nsp)
	case !found.Complete(0):
		return finding{Status: fail,
			Detail: fmt.Sprintf("%d listen for requests of %s, and only %d have answered one", found.Nodes, s.nsp,
				len(found.Answers)),
			Advice: "find the one that hangs, because every request waits for it: CLIENT LIST TYPE pubsub shows all"}
	}
	if s.flags.Named() {
		return pass("nodes of %s that have answered: %d, the last after %.1f ms", s.nsp, len(found.Answers), last)
	}
	return pass("nodes of %s that have answered: %d, the last after %.1f ms; with this library: %d, Node.js's: %d",
		s.nsp, len(found.Answers), last, ours, len(found.Answers)-ours)
}
