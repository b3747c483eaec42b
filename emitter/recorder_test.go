package emitter_test

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/backplane-go/backplane/transport"
)

// recorder is a bus and a store. It keeps the messages and bodies that it receives.
type recorder struct {
	limits transport.Limits
	gate   chan struct{} // if not nil, Publish sends a value when it begins, then waits until it receives one

	mu            sync.Mutex // guards all below
	lines         []string
	rounds        []int // number of messages in each Publish
	bodies        [][]byte
	puts          int
	busErr, stErr error
}

func (r *recorder) Limits() transport.Limits { return r.limits }

func (r *recorder) Publish(ctx context.Context, msgs ...transport.Message) error {
	if r.gate != nil {
		r.gate <- struct{}{}
		select {
		case <-r.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busErr != nil {
		return r.busErr
	}
	r.rounds = append(r.rounds, len(msgs))
	for _, m := range msgs {
		r.lines = append(r.lines, m.Channel+" "+string(m.Payload))
	}
	return nil
}

func (r *recorder) Put(_ context.Context, body []byte) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.puts++
	if r.stErr != nil {
		return "", r.stErr
	}
	r.bodies = append(r.bodies, body)
	return strconv.Itoa(len(r.bodies)), nil
}

func (r *recorder) fail(bus, store error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busErr, r.stErr = bus, store
}

func (r *recorder) sent() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

var errAborted = errors.New("current transaction is aborted")
