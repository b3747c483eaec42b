package core

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/internal/groupcommit"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Cluster connects one process to the cluster. It has one receiving session and one publisher for all its namespaces.
// It is safe for concurrent use.
type Cluster struct {
	config    Config
	wire      *wire.Wire
	publisher *publisher
	listener  *listener
	counts    counters
	hooks     atomic.Pointer[Trace] // Config.Trace, or what SetTrace has set
	outgoings sync.Pool             // of *outgoing
	process   *process
	processes *remoteProcesses
	began     time.Time // times are measured from here, with the monotonic clock

	ctx    context.Context // ends the goroutines: Close cancels it
	cancel context.CancelFunc
	group  sync.WaitGroup // the goroutines
	closed chan struct{}  // closed when Close has finished

	mu         sync.RWMutex // guards all below
	state      state
	running    bool                  // the goroutines were started
	namespaces map[string]*Namespace // by channel
}

type state int

const (
	isNew state = iota
	isStarted
	isClosing
)

// New returns a cluster that is not started. It does no I/O.
func New(config Config) (*Cluster, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	c := &Cluster{config: config, began: time.Now(), closed: make(chan struct{}),
		namespaces: make(map[string]*Namespace)}
	c.SetTrace(config.Trace)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.wire = wire.New(wire.Config{Codec: config.Codec, Store: config.Store, Limits: config.Bus.Limits(),
		Threshold: config.PayloadThreshold, MaxMessageBytes: config.MaxMessageBytes,
		Secrets: [][]byte{config.Secret, config.PreviousSecret}})
	sender := &wire.Sender{Wire: c.wire, Bus: config.Bus, Timeout: config.PublishTimeout,
		Published: func() { c.counts.publishBatches.Add(1) }}
	p := &publisher{ctx: c.ctx, sender: sender, solo: &solo{}, trace: &c.hooks, call: c.trace, counts: &c.counts,
		report: c.report}
	p.group = newGroup(p, config, c.group.Go)
	p.offload = &offload{storer: wire.NewStorer(c.wire, config.Store, config.PublishTimeout, c.group.Go),
		group: p.group, fail: p.failQueued, solo: p.solo, counts: &c.counts, trace: &c.hooks, call: c.trace,
		room: groupcommit.Capacity{MaxItems: config.PublishQueue, MaxBytes: config.PublishQueueBytes}}
	p.offload.ctx, p.offload.giveUp = context.WithCancelCause(c.ctx)
	c.publisher = p
	c.process, c.processes = c.newProcess(), newRemoteProcesses(c.began)
	c.listener = &listener{bus: config.Bus, timeout: config.PublishTimeout, minWait: config.MinBackoff,
		maxWait: config.MaxBackoff,
		health:  health{patience: config.HeartbeatInterval * 9 / 10, doubt: config.HeartbeatTimeout},
		deliver: c.deliver, lost: c.sessionLost, recovered: c.sessionRecovered, failed: c.report, spawn: c.group.Go}
	_, _ = c.listener.subs.put(c.process.self.channel, &change{on: true})
	p.expect = c.listener.health.expect
	return c, nil
}

// Open calls New and Start.
func Open(ctx context.Context, config Config) (*Cluster, error) {
	c, err := New(config)
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

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
	session, err := c.listener.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.probe(ctx, session); err != nil {
		c.listener.close(ctx, session)
		return nil, err
	}
	return session, nil
}

// probe makes sure that messages of the node come back to its session.
func (c *Cluster) probe(ctx context.Context, session transport.Session) error {
	channel := "backplane#" + randomID() // not a namespace's, which have a "/" after the "#"
	if err := callRarely(func() error { return session.Listen(ctx, channel) }); err != nil {
		return &OpError{Op: "listen", Channel: channel, Err: err}
	}
	token := []byte(randomID())
	message := transport.Message{Channel: channel, Payload: token}
	if err := callRarely(func() error { return c.config.Bus.Publish(ctx, message) }); err != nil {
		return &OpError{Op: "publish", Channel: channel, Err: err}
	}
	for {
		m, err := receive(ctx, session)
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

// deliver passes a received message to its namespace.
func (c *Cluster) deliver(m transport.Message, at time.Time) {
	c.mu.RLock()
	ns := c.namespaces[m.Channel]
	c.mu.RUnlock()
	switch {
	case ns != nil:
		ns.receive(m.Payload, at)
	case m.Channel == c.process.self.channel:
		c.process.receive(m.Payload, at)
	}
}

// sessionLost is called when this node becomes deaf.
func (c *Cluster) sessionLost(err error) {
	c.counts.sessions.Add(1)
	for _, ns := range c.all() {
		ns.requests.deafen()
	}
	c.report(&OpError{Op: "receive", Err: err})
	if f := c.hooks.Load().SessionLost; f != nil {
		c.trace("SessionLost", func() { f(err) })
	}
}

// sessionRecovered is called when this node listens to all channels again.
func (c *Cluster) sessionRecovered(gap *GapError) {
	c.report(gap)
	c.process.lastBack = time.Now() // the namespaces announce themselves
	for _, ns := range c.all() {
		ns.members.forgiveSilence()
		if ns.listening.Load() {
			ns.announce()
		}
	}
	if f := c.hooks.Load().SessionRecovered; f != nil {
		c.trace("SessionRecovered", func() { f(gap) })
	}
}

// report logs an error that no caller receives, and gives it to Config.ErrorHandler.
func (c *Cluster) report(err error) {
	r := guard.Reporter{Message: "backplane: error", Logger: c.config.Logger, Handler: c.config.ErrorHandler}
	r.Report(err)
}

// all returns the open namespaces.
func (c *Cluster) all() []*Namespace {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*Namespace, 0, len(c.namespaces))
	for _, ns := range c.namespaces {
		all = append(all, ns)
	}
	return all
}

// Stats returns the counts since New.
func (c *Cluster) Stats() Stats { return c.counts.snapshot() }
