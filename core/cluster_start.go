package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Start connects. It fails when the store cannot be used, when the bus cannot be reached, and when the node does not
// receive its own messages (ErrNoLoopback). The cluster is then closed. ctx and Config.PublishTimeout bound Start,
// not the cluster. The bus and the store get nine tenths of that time, so that they can say what is wrong before it
// has passed.
func (c *Cluster) Start(ctx context.Context) error {
	if err := c.beginStart(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.PublishTimeout)
	defer cancel()
	late, stop := after(ctx, wire.Grace)
	defer stop()
	deadline, _ := ctx.Deadline()
	// The rest of the time is for finding out why it failed.
	inTime, cancelInTime := context.WithTimeout(ctx, time.Until(deadline)/10*9)
	defer cancelInTime()
	started := make(chan error, 1)
	go func() { // c.group waits for it
		defer c.group.Done()
		started <- c.start(inTime)
	}()
	var err error
	select {
	case err = <-started:
	case <-late.Done(): // a bus that ignores its context goes on, without effect: the cluster is closed
		err = ctx.Err()
	}
	if err != nil {
		_ = c.Close(late) // nothing runs yet, and the reason it did not start matters more
	}
	return err
}

func (c *Cluster) start(ctx context.Context) error {
	session, err := c.connect(ctx)
	if err == nil && !c.launch(session) {
		c.listener.close(ctx, session)
		err = ErrClosed
	}
	if err == nil {
		c.journal.Log(&journal.ClusterStarted, slog.StringValue(c.config.Dialect.Name()),
			slog.StringValue(c.config.ChannelPrefix), slog.BoolValue(c.config.Log != nil))
	}
	return err
}

// after returns a context that ends d after ctx.
func after(ctx context.Context, d time.Duration) (late context.Context, stop func()) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stopAfterFunc := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return late, func() {
		stopAfterFunc()
		cancel()
	}
}

// beginStart makes Close wait for the start that follows.
func (c *Cluster) beginStart() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case isClosing:
		return ErrClosed
	case isStarted:
		return errors.New("backplane: Start: the cluster is started already")
	}
	c.state = isStarted
	c.group.Add(1)
	return nil
}

// launch starts the goroutines. It returns false if the cluster was closed meanwhile.
func (c *Cluster) launch(session transport.Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == isClosing {
		return false
	}
	c.running = true
	c.group.Go(func() { c.listener.receiveLoop(c.ctx, session) })
	c.group.Go(c.tickLoop)
	if c.config.Store != nil {
		c.group.Go(c.expireAttachments)
	}
	c.keepLog()
	return true
}

func (c *Cluster) connect(ctx context.Context) (transport.Session, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(c.ctx, cancel) // Close need not wait for the connection
	defer stop()
	session, err := c.prepare(ctx)
	if err != nil && c.ctx.Err() != nil {
		return nil, ErrClosed
	}
	return session, err
}

func (c *Cluster) prepare(ctx context.Context) (transport.Session, error) {
	if p, ok := c.config.Store.(storage.Preparer); ok {
		if err := callRarely(func() error { return p.Prepare(ctx) }); err != nil {
			return nil, &OpError{Op: "prepare the store", Err: err}
		}
	}
	if p, ok := c.config.Bus.(transport.LogPreparer); ok && c.config.Log != nil {
		if err := callRarely(func() error { return p.PrepareLog(ctx) }); err != nil {
			return nil, &OpError{Op: "prepare the log", Err: err}
		}
	}
	session, err := c.listener.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.probe(ctx, session); err != nil {
		c.listener.close(ctx, session)
		return nil, err
	}
	c.listener.health.hear(time.Now())
	return session, nil
}

// probe makes sure that messages of the node come back to its session.
func (c *Cluster) probe(ctx context.Context, session transport.Session) error {
	channel := "backplane#" + randomID() // not a namespace's, which have a "/" after the "#"
	if err := callRarely(func() error { return session.Listen(ctx, channel) }); err != nil {
		return &OpError{Op: "listen", Channel: channel, Err: err}
	}
	token := []byte(randomID())
	var m transport.Record
	message := transport.Message{Channel: channel, Payload: token}
	if err := callRarely(func() error { return c.config.Bus.Publish(ctx, message) }); err != nil {
		return &OpError{Op: "publish", Channel: channel, Err: err}
	}
	for {
		err := receive(ctx, session, &m)
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return ctx.Err() // the caller did not wait for the answer
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("%w (%w)", ErrNoLoopback, err)
		case err != nil:
			return &OpError{Op: "receive", Channel: channel, Err: err}
		case m.Channel == channel && string(m.Payload) == string(token):
			if err := callRarely(func() error { return session.Unlisten(ctx, channel) }); err != nil {
				return &OpError{Op: "unlisten", Channel: channel, Err: err}
			}
			return nil
		}
	}
}
