package core

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// membership is who else is in a namespace, as far as their signs of life tell.
//
// Who is heard for the first time is a stranger. A stranger counts as a peer at once, but it has to answer an announcement
// of this node, as every live node does, or it is forgotten early: whoever may publish can make up any number of uids. When
// there are too many peers, the stranger that came last makes room: the others had more time to answer. Proven peers never do.
type membership struct {
	max     int
	rate    float64       // what the requests of one peer may cost in a second
	timeout time.Duration // after how much silence a peer is gone
	answer  time.Duration // how long a stranger may take to answer an announcement

	maxPending int // how many requests of one peer may wait for clients
	lives      *lives
	joined     func(uid string)
	crowded    func(uid string) // a stranger had to make room for another

	announcing atomic.Bool // an announcement of this node is on its way,
	inquiring  atomic.Bool // and it is to find out who is there

	mu        sync.Mutex // guards all below
	peers     map[string]*peer
	strangers list.List // of *peer: who has not proven to be alive, in the order in which they came
	alone     int       // peers that speak for themselves alone
	unasked   int       // strangers and suspects after whom this node has not inquired yet
	urgent    bool      // some of these cannot wait
	pushed    bool      // a stranger has made room since arrived was called last
	former    former    // who closed, or had to make room
	total     account   // of all peers
	// strangersAccount is that of all strangers, and of who is no peer.
	strangersAccount account
	changed          chan struct{} // closed when somebody joins or leaves
	announcedAt      time.Time     // when an announcement of this node last came back; zero after an outage
	over             bool          // the namespace was closed
}

// peer is another node.
type peer struct {
	uid       string
	last      time.Time     // when it was last heard itself
	process   *life         // the process that it belongs to; nil if it speaks for itself alone
	place     *list.Element // among the strangers; nil once it is proven
	suspect   bool          // it is proven, but somebody said goodbye in its name
	asked     time.Time     // stranger or suspect: when an announcement of this node came back; zero before
	inquired  time.Time     // the same, if the node announced itself to find out who is there
	pledged   bool          // a heartbeat of it has come
	closeHash string        // as that heartbeat said; empty if it was a Node.js node's
	account   account       // what its requests cost
}

func newMembership(config Config, lives *lives, joined, crowded func(uid string)) *membership {
	return &membership{max: config.MaxPeers, rate: float64(config.MaxRequestRate), maxPending: config.MaxPendingRequests, timeout: config.HeartbeatTimeout, answer: min(time.Second, config.HeartbeatInterval),
		lives: lives, joined: joined, crowded: crowded, peers: make(map[string]*peer), former: newFormer(config.MaxPeers), changed: make(chan struct{})}
}

// seen notes a sign of life. A peer that said goodbye comes back only by announcing itself again, or if the goodbye proves to
// be another's. It is false when there are too many peers to remember another.
func (m *membership) seen(env *codec.Envelope, now time.Time) bool {
	if env.UID == "" || env.UID == codec.EmitterUID {
		return true
	}
	m.mu.Lock()
	if p := m.peers[env.UID]; p != nil {
		m.heard(p, env, now)
		m.mu.Unlock()
		return true
	}
	if len(env.UID) > maxUID {
		m.mu.Unlock()
		return false
	}
	allowed, answers := m.former.allow(env, now, m.answer)
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
	p.place = m.strangers.PushBack(p)
	m.unasked++
	m.alone++
	m.peers[p.uid] = p
	m.heard(p, env, now)
	if answers {
		m.prove(p)
	}
	m.change()
	m.mu.Unlock()
	if out != nil {
		m.crowded(out.uid)
	}
	m.joined(p.uid)
	return true
}

// heard notes a message of a peer. The caller holds mu.
func (m *membership) heard(p *peer, env *codec.Envelope, now time.Time) {
	p.last = now
	beat := env.Type == codec.Heartbeat
	if beat || env.Type == codec.InitialHeartbeat {
		if !p.pledged {
			p.pledged, p.closeHash = true, env.CloseHash
		}
		m.belongs(p, env.Process)
	}
	if beat && (!p.inquired.IsZero() || !p.asked.IsZero() && now.Sub(p.asked) <= m.answer) {
		m.prove(p)
	}
}

// prove notes that a peer is alive: it has answered. The caller holds mu.
func (m *membership) prove(p *peer) {
	if p.place == nil && !p.suspect {
		return
	}
	if p.place != nil {
		m.strangers.Remove(p.place)
	}
	if p.inquired.IsZero() {
		m.unasked--
	}
	p.place, p.suspect, p.asked, p.inquired = nil, false, time.Time{}, time.Time{}
}

// answered notes that a peer has answered a request.
func (m *membership) answered(uid string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.peers[uid]; p != nil {
		m.prove(p)
	}
}

// makeRoom makes room for another peer, and returns who had to go for it. It is false when all peers are proven. The caller
// holds mu.
func (m *membership) makeRoom(now time.Time) (out *peer, ok bool) {
	if len(m.peers) < m.max {
		return nil, true
	}
	m.urgent = true // the sooner the others have answered, the sooner the rest can go
	latest := m.strangers.Back()
	if latest == nil {
		return nil, false
	}
	out = latest.Value.(*peer)
	m.remove(out)
	m.former.add(out.uid, madeRoom, false, now)
	m.pushed = true
	return out, true
}

// remove forgets a peer. The caller holds mu.
func (m *membership) remove(p *peer) {
	m.prove(p) // takes it from the list of strangers
	m.belongs(p, "")
	m.alone--
	delete(m.peers, p.uid)
}

// goodbye forgets a peer that closed. It is false when there is none to forget: it is not known, or what it said before
// shows that somebody else speaks for it. Then it has to answer an announcement.
func (m *membership) goodbye(env *codec.Envelope, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.peers[env.UID]
	if p != nil && p.closeHash != "" && !fits(p.closeHash, env.CloseKey) {
		if p.place == nil && !p.suspect {
			p.suspect = true
			m.unasked++
		}
		m.urgent = true
		return false
	}
	if len(env.UID) <= maxUID {
		proven, why := p != nil && p.closeHash != "", saidGoodbye
		if p == nil {
			why = neverKnown
		}
		m.former.add(env.UID, why, proven, now)
		m.urgent = m.urgent || !proven
	}
	if p == nil {
		return false
	}
	m.remove(p)
	m.change()
	return true
}

// announced notes that an announcement of this node came back. Who does not answer it is not there; but only an inquiry has
// consequences, since after an outage others may come back later than this node.
func (m *membership) announced(now time.Time) {
	m.announcing.Store(false)
	inquiry := m.inquiring.Swap(false)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.announcedAt = now
	for _, p := range m.peers {
		if p.place == nil && !p.suspect {
			continue
		}
		p.asked = now
		if inquiry && p.inquired.IsZero() {
			p.inquired = now
		}
	}
	if inquiry {
		m.unasked, m.urgent = 0, false
	}
	m.former.announced(now)
}

// manyStrangers is how many strangers are asked even if nobody waits for them.
const manyStrangers = 64

// curious reports whether this node should announce itself, to learn who is there. waiting: requests wait for answers.
func (m *membership) curious(waiting bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.urgent || m.unasked > manyStrangers || waiting && m.unasked > 0
}

// belongs notes to which process a peer belongs, as its latest heartbeat says: to none if process is empty. The caller holds mu.
func (m *membership) belongs(p *peer, process string) {
	if len(process) > maxUID {
		process = ""
	}
	if p.process != nil {
		if p.process.id == process {
			return
		}
		m.lives.leave(p.process)
		p.process = nil
		m.alone++
	}
	if process != "" && !m.over {
		p.process = m.lives.join(process)
		m.alone--
	}
}

// foreign reports whether a peer speaks for itself alone, and so wants to hear this node in the namespace.
func (m *membership) foreign() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.alone > 0
}

// change wakes those who wait for a number of peers. The caller holds mu.
func (m *membership) change() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// uids returns the peers in order.
func (m *membership) uids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	uids := make([]string, 0, len(m.peers))
	for uid := range m.peers {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	return uids
}

// asked returns who is asked by a request: the peers, and who seems to have said goodbye a moment ago, which nothing proves.
func (m *membership) asked() []string {
	uids := m.uids()
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(uids, m.former.doubted()...)
}

// present reports whether a request may wait for uid.
func (m *membership) present(uid string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peers[uid] != nil || m.former.doubts(uid)
}

// pushedOut reports whether strangers have made room for others since it was called last.
func (m *membership) pushedOut() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	pushed := m.pushed
	m.pushed = false
	return pushed
}

func (m *membership) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.peers)
}

// empty reports whether there are no peers for certain: this node has announced itself, and whoever is there has had the time
// to answer.
func (m *membership) empty(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.peers) == 0 && !m.announcedAt.IsZero() && now.Sub(m.announcedAt) > m.answer
}

// close ends those who wait for a number of peers.
func (m *membership) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.over {
		m.over = true
		for _, p := range m.peers {
			m.belongs(p, "")
		}
		m.change()
	}
}

// wait returns once there are at least n peers. It returns ErrClosed when the namespace is closed.
func (m *membership) wait(ctx context.Context, n int) error {
	for {
		m.mu.Lock()
		enough, over, changed := len(m.peers) >= n, m.over, m.changed
		m.mu.Unlock()
		switch {
		case over:
			return ErrClosed
		case enough:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
