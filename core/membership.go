package core

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// membership knows the other nodes of a namespace from their messages. peer describes the states of a node.
type membership struct {
	max        int           // peers, and tombstones of each kind
	rate       float64       // what the requests of one peer may cost in a second
	maxPending int           // how many requests of one peer may wait for clients
	timeout    time.Duration // a peer that is silent for so long is gone
	answer     time.Duration // how long a peer may take to answer an announcement
	processes  *remoteProcesses
	joined     func(uid string)
	evicted    func(uid string)

	inquiring atomic.Bool // an announcement is on its way whose purpose is to find out who is there

	mu               sync.Mutex // guards all below
	peers            map[string]*peer
	formerPeers      map[string]*peer // the tombstones
	unverified       list.List        // see list
	tombstones       [3]list.List     // see list
	withoutProcess   int              // peers that have named no process
	uninquired       int              // unverified and suspect peers that no inquiry has reached yet
	urgent           bool             // an inquiry cannot wait
	someEvicted      bool             // a peer was evicted since anyEvicted was last called
	totalBudget      budget           // of all peers
	unverifiedBudget budget           // of all unverified peers, and of senders that are no peers
	changed          chan struct{}    // closed when a peer joins or leaves
	announcedAt      time.Time        // when an announcement of this node last came back; zero after an outage
	closed           bool
}

func newMembership(config Config, processes *remoteProcesses, joined, evicted func(uid string)) *membership {
	return &membership{
		max: config.MaxPeers, rate: float64(config.MaxRequestRate), maxPending: config.MaxPendingRequests,
		timeout: config.HeartbeatTimeout, answer: min(time.Second, config.HeartbeatInterval), processes: processes,
		joined: joined, evicted: evicted,
		peers: make(map[string]*peer), formerPeers: make(map[string]*peer), changed: make(chan struct{}),
	}
}

// heard implements presence.
func (m *membership) heard(env *codec.Envelope, now time.Time) bool {
	if env.UID == "" || env.UID == codec.EmitterUID {
		return true
	}
	m.mu.Lock()
	if p := m.peers[env.UID]; p != nil {
		m.heardPeer(p, env, now)
		m.mu.Unlock()
		return true
	}
	if len(env.UID) > maxUID {
		m.mu.Unlock()
		return false
	}
	allowed, verified := m.readmit(env, now)
	if !allowed {
		m.mu.Unlock()
		return true
	}
	out, ok := m.makeRoom(now)
	if !ok {
		m.mu.Unlock()
		return false
	}
	p := &peer{uid: env.UID}
	m.move(p, unverified, now)
	m.heardPeer(p, env, now)
	if verified {
		m.verify(p, now)
	}
	m.wakeWaiters()
	m.mu.Unlock()
	if out != nil {
		m.evicted(out.uid)
	}
	m.joined(p.uid)
	return true
}

// heardPeer notes a message of a peer. The caller holds mu.
func (m *membership) heardPeer(p *peer, env *codec.Envelope, now time.Time) {
	p.lastHeard = now
	beat := env.Type == codec.Heartbeat
	if beat || env.Type == codec.InitialHeartbeat {
		if !p.hasBeaten {
			p.hasBeaten, p.closeHash = true, env.CloseHash
		}
		m.joinProcess(p, env.Process)
	}
	if beat && (!p.inquiredAt.IsZero() || !p.askedAt.IsZero() && now.Sub(p.askedAt) <= m.answer) {
		m.verify(p, now)
	}
}

// verify notes that a peer has answered. The caller holds mu.
func (m *membership) verify(p *peer, now time.Time) {
	if p.state.mustAnswer() {
		m.move(p, alive, now)
	}
}

// answered notes that a peer has answered a request.
func (m *membership) answered(uid string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.peers[uid]; p != nil {
		m.verify(p, p.lastHeard)
	}
}

// makeRoom makes room for another peer and returns the peer that was evicted for it, if one was. It returns false
// when all peers are verified. The caller holds mu.
func (m *membership) makeRoom(now time.Time) (out *peer, ok bool) {
	if len(m.peers) < m.max {
		return nil, true
	}
	m.urgent = true // the sooner the live ones answer, the sooner the rest can be forgotten
	latest := m.unverified.Back()
	if latest == nil {
		return nil, false
	}
	out = latest.Value.(*peer)
	m.move(out, evicted, now)
	m.someEvicted = true
	return out, true
}

// forgetLeaver notes a leave message. It returns true if a peer has left. It returns false if the sender is no peer,
// or is one that has not sent the message, as the key shows: that peer has to answer an announcement.
// hasLeft is called when a peer has left, before anybody can see it. It must not call m.
func (m *membership) forgetLeaver(env *codec.Envelope, now time.Time, hasLeft func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.peers[env.UID]
	switch {
	case p == nil:
		if len(env.UID) <= maxUID {
			m.buryUnknown(env.UID, now)
			m.urgent = true
		}
		return false
	case p.closeHash == "":
		m.move(p, leaving, now)
		m.urgent = true
	case matches(p.closeHash, env.CloseKey):
		m.move(p, leftVerified, now)
	default:
		if p.state == alive {
			m.move(p, suspect, now)
		}
		m.urgent = true
		return false
	}
	hasLeft()
	m.wakeWaiters()
	return true
}

// announcementCameBack notes that an announcement of this node came back, so that all other nodes have it too. Nodes
// that do not answer it are not there. But only an inquiry has consequences: after an outage, other nodes may be back
// later than this one.
func (m *membership) announcementCameBack(now time.Time) {
	inquiry := m.inquiring.Swap(false)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.announcedAt = now
	for _, p := range m.peers {
		if !p.state.mustAnswer() {
			continue
		}
		p.askedAt = now
		if inquiry && p.inquiredAt.IsZero() {
			p.inquiredAt = now
		}
	}
	if inquiry {
		m.uninquired, m.urgent = 0, false
	}
	for _, p := range m.formerPeers {
		if p.state != leftVerified && p.askedAt.IsZero() {
			p.askedAt = now
		}
	}
}

// manyUnverified is how many unverified peers make the node inquire even if no request waits for them.
const manyUnverified = 64

// mustInquire reports whether this node should announce itself to find out who is there. waiting: requests wait for
// answers.
func (m *membership) mustInquire(waiting bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.urgent || m.uninquired > manyUnverified || waiting && m.uninquired > 0
}

// joinProcess notes the process that a peer belongs to, as its latest heartbeat says; none if id is empty. The caller
// holds mu.
func (m *membership) joinProcess(p *peer, id string) {
	if len(id) > maxUID {
		id = ""
	}
	if p.process != nil {
		if p.process.id == id {
			return
		}
		m.processes.leave(p.process)
		p.process = nil
		m.withoutProcess++
	}
	if id != "" && !m.closed {
		p.process = m.processes.join(id)
		m.withoutProcess--
	}
}

// ofLibrary implements presence. Only nodes of this library name their processes.
func (m *membership) ofLibrary(uid string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.peers[uid]
	return p != nil && p.process != nil
}
