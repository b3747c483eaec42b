package core

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
)

// process is what this process says for all of its namespaces together, on a channel of its own: that it is alive. So an idle
// namespace sends nothing. The same message, when it comes back, tells what the node has heard.
//
// The heartbeats of each namespace name the process, by an id. Peers take a sign of life of the process for one of all
// senders that have named it. A sender that closes says goodbye. If its goodbye is lost, the process takes another id, and
// all other senders name that: whoever does not is gone for the peers, after the heartbeat timeout.
//
// A process that was not heard for so long that peers may have given it up has each namespace announce itself again: the peers have
// forgotten who belongs to it.
type process struct {
	self     *Namespace // of the process's channel: it has no name, no sockets and no members
	current  atomic.Pointer[string]
	doubtful atomic.Bool // the id is to be replaced
	beat     time.Time   // when a Heartbeat was last queued; the ticker's
	back     time.Time   // when one last came back, or when this session began; the receiver's

	mu     sync.Mutex // guards clocks
	clocks []uint64   // of the latest Heartbeats, which may come back
}

// maxClocks is how many Heartbeats are remembered. A session on which so many do not come back is given up long before.
const maxClocks = 16

// goesOut notes the clock of a Heartbeat that is about to be queued.
func (p *process) goesOut(clock uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.clocks) == maxClocks {
		p.clocks = slices.Delete(p.clocks, 0, 1)
	}
	p.clocks = append(p.clocks, clock)
}

// wentOut reports whether a Heartbeat had this clock, so that nobody else can say how much this node has heard: a clock is
// not known to anybody before the Heartbeat itself is in the order of the bus.
func (p *process) wentOut(clock uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.clocks, clock)
}

func (c *Cluster) newProcess() *process {
	self := &Namespace{cluster: c, channel: wire.ProcessChannel(c.config.ChannelPrefix), uid: randomID()}
	self.ctx, self.cancel = context.WithCancel(c.ctx)
	self.listening.Store(true)
	p := &process{self: self, back: time.Now()}
	p.rename()
	return p
}

func (p *process) id() string { return *p.current.Load() }

func (p *process) rename() {
	id := randomID()
	p.current.Store(&id)
}

// doubt notes that a goodbye was lost.
func (p *process) doubt() { p.doubtful.Store(true) }

// tick gives a sign of life when one is due. all are the namespaces. doubted: a peer is about to be given up. If the sign of life
// comes back, it is the peer that is silent, and not the node deaf. heard is when the session last proved that it works, zero
// when there is none.
func (p *process) tick(now, heard time.Time, all []*Namespace, doubted bool) {
	c := p.self.cluster
	probe := doubted && !p.beat.After(heard)
	if now.Sub(p.beat) < c.config.HeartbeatInterval && !probe {
		return
	}
	p.beat = now
	if p.doubtful.CompareAndSwap(true, false) {
		p.rename()
		for _, ns := range all {
			ns.owing.Store(true)
			ns.spoke.Store(0)
		}
	}
	clock := uint64(now.Sub(c.began).Microseconds()) + 1
	p.goesOut(clock)
	p.self.post(&codec.Envelope{Type: codec.Heartbeat, Clock: clock})
}

// cameBack notes that a Heartbeat of this process came back: the peers have heard it too.
func (p *process) cameBack(at time.Time) {
	c := p.self.cluster
	if at.Sub(p.back) > max(c.config.HeartbeatTimeout*3/4, c.config.HeartbeatInterval*3/2) {
		for _, ns := range c.all() {
			ns.unheard.Store(true)
			ns.spoke.Store(0)
		}
	}
	p.back = at
}

// receive takes what came on the process's channel.
func (p *process) receive(payload []byte, at time.Time) {
	c := p.self.cluster
	payload, err := c.wire.Open(p.self.channel, payload)
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
	switch env, err := c.wire.Decode(payload); {
	case err != nil:
		p.self.dropped(&codec.Envelope{}, DropMalformed, err)
	case env.UID == p.self.uid:
		if p.wentOut(env.Clock) {
			p.cameBack(at)
			c.listener.cameBack(c.began.Add(time.Duration(env.Clock-1) * time.Microsecond))
		}
	case env.Type == codec.Heartbeat:
		c.lives.beat(env.Process, env.Clock, at)
	}
}
