package core

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

// process sends heartbeats for all namespaces of this process together, on a channel of their own, so that an idle
// namespace sends nothing. When such a heartbeat comes back, it also shows what this node has received. Nodes also use
// the channel to tell each other what Node.js nodes need not know: see Cluster.notified.
//
// The heartbeats of each namespace name the process by an id. Peers take a heartbeat of the process as one of each
// namespace that has named it. A namespace that closes sends a leave message. If the leave message is lost, the
// process takes another id, and all its other namespaces name the new one. The closed one does not, so the peers
// forget it after the heartbeat timeout.
//
// If the process was not heard for so long that peers may have given it up, each namespace announces itself again,
// because the peers have forgotten which namespaces belong to the process.
type process struct {
	self     *Namespace // for the process's channel: it has no name, no sockets and no members
	current  atomic.Pointer[string]
	doubtful atomic.Bool // a leave message was lost: the id has to be replaced
	lastBeat time.Time   // when a Heartbeat was last queued; only the ticker's goroutine uses it
	lastBack time.Time   // when one last came back, or when this session began; only the receiving goroutine uses it

	mu     sync.Mutex // guards clocks
	clocks []uint64   // of the latest Heartbeats, which may come back
}

// maxClocks is how many Heartbeats are remembered. A session that does not return so many is given up long before.
const maxClocks = 16

// sending notes the clock of a Heartbeat that is about to be queued.
func (p *process) sending(clock uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.clocks) == maxClocks {
		p.clocks = slices.Delete(p.clocks, 0, 1)
	}
	p.clocks = append(p.clocks, clock)
}

// sent reports whether this process sent a Heartbeat with this clock. Nobody else can claim for this node what it has
// received, because nobody knows a clock before the Heartbeat has its place in the order of the bus.
func (p *process) sent(clock uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.clocks, clock)
}

func (c *Cluster) newProcess() (*process, error) {
	self := &Namespace{cluster: c, uid: randomID()}
	var err error
	if self.route, err = c.wire.Namespace("", self.uid); err != nil {
		return nil, err
	}
	self.names = self.route.Listen()
	self.channel = self.names[0]
	self.ctx, self.cancel = context.WithCancel(c.ctx)
	self.listening.Store(true)
	p := &process{self: self, lastBack: time.Now()}
	p.rename()
	return p, nil
}

func (p *process) id() string { return *p.current.Load() }

func (p *process) rename() {
	id := randomID()
	p.current.Store(&id)
}

// leaveLost notes that a leave message was lost.
func (p *process) leaveLost() { p.doubtful.Store(true) }

// tick sends a heartbeat when one is due. all are the namespaces. doubtful: a peer is about to be given up; if the
// heartbeat comes back, the peer is silent and this node not deaf. heard is when the session last proved that it
// works, zero when there is none.
func (p *process) tick(now, heard time.Time, all []*Namespace, doubtful bool) {
	c := p.self.cluster
	probe := doubtful && !p.lastBeat.After(heard)
	if now.Sub(p.lastBeat) < c.config.HeartbeatInterval && !probe {
		return
	}
	p.lastBeat = now
	if p.doubtful.CompareAndSwap(true, false) {
		p.rename()
		for _, ns := range all {
			ns.presence.processRenamed()
		}
	}
	clock := uint64(now.Sub(c.began).Microseconds()) + 1
	p.sending(clock)
	p.self.publishAsync(&codec.Envelope{Type: codec.Heartbeat, Clock: clock, Process: p.id()})
}

// cameBack notes that a Heartbeat of this process came back: the peers have it too.
func (p *process) cameBack(at time.Time) {
	c := p.self.cluster
	if at.Sub(p.lastBack) > max(c.config.HeartbeatTimeout*3/4, c.config.HeartbeatInterval*3/2) {
		for _, ns := range c.all() {
			ns.presence.processForgotten()
		}
	}
	p.lastBack = at
}

// receive handles a message on the process's channel.
func (p *process) receive(m transport.Message, at time.Time) {
	c := p.self.cluster
	payload, err := c.wire.Open(m.Channel, m.Payload)
	if err != nil {
		p.self.dropped(&codec.Envelope{}, DropUnsigned, err)
		return
	}
	own := c.wire.SentBy(payload, p.self.uid)
	if own {
		c.counts.receivedOwn.Add(1)
	} else {
		c.counts.received.Add(1)
	}
	switch env, err := c.wire.Decode(m.Channel, payload); {
	case errors.Is(err, dialect.ErrForeign):
		p.self.dropped(env, DropForeign, nil)
	case err != nil:
		p.self.dropped(&codec.Envelope{}, DropMalformed, err)
	case env == nil:
	case env.UID == p.self.uid:
		if p.sent(env.Clock) {
			sent := c.began.Add(time.Duration(env.Clock-1) * time.Microsecond)
			p.cameBack(at)
			c.counts.roundTrip.Observe(int64(at.Sub(sent)))
			c.listener.health.cameBack(sent)
		}
	case env.Type == codec.Heartbeat:
		c.processes.heartbeat(env.Process, env.Clock, at)
	case env.Type == codec.ServerSideEmit:
		c.notified(env)
	}
}
