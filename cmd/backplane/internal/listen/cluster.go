package listen

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// While runs the listener while f runs.
func (l *Listener) While(ctx context.Context, f func(context.Context) error) error {
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

// RandomText returns 16 hexadecimal digits.
func RandomText() string {
	var b [8]byte
	rand.Read(b[:]) // never fails, see its documentation
	return hex.EncodeToString(b[:])
}

// Namespace returns the name of a namespace with the slash at its beginning, which may be missing.
func Namespace(nsp string) string {
	if !strings.HasPrefix(nsp, "/") {
		return "/" + nsp
	}
	return nsp
}

// Channel returns the channel of a namespace. It adds the slash at the beginning if that is missing.
func Channel(flags *connect.Flags, nsp string) (string, error) {
	channels, err := flags.Channels(Namespace(nsp))
	if err != nil {
		return "", usage(err)
	}
	return channels[0], nil
}

// usage turns an error about a name into a usage error.
func usage(err error) error {
	var name *fault.NameError
	if errors.As(err, &name) {
		return &cli.UsageError{Reason: strings.TrimPrefix(name.Error(), "backplane: ")}
	}
	return err
}
