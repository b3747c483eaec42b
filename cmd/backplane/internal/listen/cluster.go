package listen

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// while runs the listener while f runs.
func (l *Listener) while(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { l.Run(ctx) })
	defer group.Wait()
	defer cancel()
	return f(ctx)
}

// queue has messages that wait to be handled.
type queue chan received

// received is a message and the time at which it arrived.
type received struct {
	transport.Message
	at time.Time
}

func newQueue() queue { return make(queue, 8192) }

// put appends a message. It returns false if the queue is full.
func (q queue) put(m transport.Message, at time.Time) bool {
	select {
	case q <- received{m, at}:
		return true
	default:
		return false
	}
}

// Channel returns the channel of a namespace. It adds the slash at the beginning if that is missing.
func Channel(flags *connect.Flags, nsp string, limits transport.Limits) (string, error) {
	if !strings.HasPrefix(nsp, "/") {
		nsp = "/" + nsp
	}
	channel, err := wire.Channel(flags.Prefix, nsp, limits)
	var name *fault.NameError
	if errors.As(err, &name) {
		return "", &cli.UsageError{Reason: strings.TrimPrefix(name.Error(), "backplane: ")}
	}
	return channel, err
}
