package core

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/internal/groupcommit"
	"github.com/backplane-go/backplane/internal/journal"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// Cluster connects one process to the cluster. It has one receiving session and one publisher for all its namespaces.
// It is safe for concurrent use.
type Cluster struct {
	config    Config
	journal   *journal.Journal
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
	namespaces map[string]*Namespace // by name
	channels   channels
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
	c := &Cluster{config: config, counts: counters{details: newDetails()}, began: time.Now(),
		closed: make(chan struct{}), namespaces: make(map[string]*Namespace), channels: make(channels)}
	c.journal = journal.New(config.Logger)
	c.SetTrace(config.Trace)
	var err error
	c.wire, err = wire.New(wire.Config{Dialect: config.Dialect, Codec: config.Codec, Prefix: config.ChannelPrefix,
		Bus: config.Bus, Store: config.Store, Limits: config.Bus.Limits(), Threshold: config.PayloadThreshold,
		MaxMessageBytes: config.MaxMessageBytes, Secrets: [][]byte{config.Secret, config.PreviousSecret},
		Retention: config.Log.longest()})
	if err != nil {
		return nil, err
	}
	if config.Log != nil && !c.wire.CanBeKept() {
		return nil, &ConfigError{Field: "Log",
			Reason: fmt.Sprintf("messages of the dialect %q have no log", config.Dialect.Name())}
	}
	if !c.wire.UsesStore() {
		c.config.Store = nil
		config.Store = nil
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	sender := &wire.Sender{Wire: c.wire, Bus: config.Bus, Timeout: config.PublishTimeout,
		Published: func() { c.counts.publishBatches.Add(1) }}
	if config.Log != nil {
		sender.Log = config.Bus.(transport.Log)
	}
	p := &publisher{ctx: c.ctx, sender: sender, solo: &solo{}, trace: &c.hooks, call: c.trace, counts: &c.counts,
		report: c.report}
	p.group = newGroup(p, config, c.group.Go)
	p.offload = &offload{storer: wire.NewStorer(c.wire, config.Store, config.PublishTimeout, c.group.Go),
		group: p.group, fail: p.failQueued, solo: p.solo, counts: &c.counts, trace: &c.hooks, call: c.trace,
		room: groupcommit.Capacity{MaxItems: config.PublishQueue, MaxBytes: config.PublishQueueBytes}}
	p.offload.ctx, p.offload.giveUp = context.WithCancelCause(c.ctx)
	c.publisher = p
	if c.process, err = c.newProcess(); err != nil {
		return nil, err
	}
	c.processes = newRemoteProcesses(c.began)
	c.listener = &listener{bus: config.Bus, timeout: config.PublishTimeout, minWait: config.MinBackoff,
		maxWait: config.MaxBackoff,
		health:  health{patience: config.HeartbeatInterval * 9 / 10, doubt: config.HeartbeatTimeout},
		log:     config.Log != nil,
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

// sessionLost is called when this node becomes deaf.
func (c *Cluster) sessionLost(err error) {
	c.counts.sessions.Add(1)
	for _, ns := range c.all() {
		ns.requests.deafen()
		if ns.rooms != nil {
			ns.rooms.sessionLost()
		}
	}
	c.journal.Log(&journal.SessionLost, journal.Error(err))
	c.handle(&OpError{Op: "receive", Err: err})
	if f := c.hooks.Load().SessionLost; f != nil {
		c.trace("SessionLost", func() { f(err) })
	}
}

// sessionRecovered is called when this node listens to all channels again.
func (c *Cluster) sessionRecovered(gap *GapError) {
	c.process.lastBack = time.Now() // the namespaces announce themselves
	for _, ns := range c.all() {
		ns.presence.forgiveSilence()
		if ns.listening.Load() {
			ns.presence.enterAsync()
		}
	}
	c.fillGap(gap)
}

// gapEnded reports a gap, when it was filled as far as the log could.
func (c *Cluster) gapEnded(gap *GapError) {
	c.logGap(gap)
	c.handle(gap)
	if f := c.hooks.Load().SessionRecovered; f != nil {
		c.trace("SessionRecovered", func() { f(gap) })
	}
}

// goUnlessClosing starts a goroutine that Close waits for, unless the cluster is being closed.
func (c *Cluster) goUnlessClosing(f func()) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.state == isClosing {
		return false
	}
	c.group.Go(f)
	return true
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
