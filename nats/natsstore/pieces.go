package natsstore

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// subject returns the subject of a piece of a body.
func (s *Store) subject(id string, n int) string {
	return s.config.Stream + "." + id + "." + strconv.Itoa(n)
}

// isID reports whether id may be an id of crypto/rand.Text. Any other would not be one token of a subject.
func isID(id string) bool {
	return len(id) == 26 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// pieces returns how many pieces a body has.
func pieces(size, piece int) int {
	n := size / piece
	if size%piece > 0 {
		n++
	}
	return n
}

// run calls f on another goroutine, and returns when ctx ends: a *nats.Conn may wait for the network regardless of it.
// f then ends as soon as the network allows.
func (s *Store) run(ctx context.Context, f func(js jetstream.JetStream) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	js, err := jetstream.New(s.nc)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- f(js) }()
	select {
	case err := <-done:
		if err != nil && ctx.Err() != nil {
			return ctx.Err() // nats.go has errors of its own for that
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// each calls f for each number below n, a few at the same time, and returns the first error. After an error or the end
// of ctx it begins no more calls.
func each(ctx context.Context, n int, f func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, parallel)
	var calls sync.WaitGroup
	for i := range n {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		calls.Go(func() {
			if err := f(i); err != nil {
				cancel(err)
			}
			<-slots
		})
	}
	calls.Wait()
	return context.Cause(ctx)
}
