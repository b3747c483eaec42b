package core

import (
	"container/list"
	"time"
)

// peer is another node of a namespace, or what is remembered of one that has left (a tombstone). Its state changes in
// membership.move and nowhere else:
//
//	state         what happens                                           next state
//	dead          a message arrives                                      unverified
//	dead          a leave message arrives                                leftUnknown
//	unverified    it answers an announcement or a request of this node   alive
//	unverified    another peer needs its place                           evicted
//	unverified    a leave message without the right key arrives          unverified
//	alive         a leave message without the right key arrives          suspect
//	suspect       it answers                                             alive
//	any of these  a leave message with the right key arrives             leftVerified
//	any of these  a leave message arrives, and it never named a key      leaving
//	any of these  it is silent too long, or does not answer an inquiry   dead
//	leaving       it does not answer an announcement in time             left
//	any left one  it announces itself                                    unverified
//	any left one  it answers an announcement (not leftVerified)          alive
//	any left one  HeartbeatTimeout passes                                dead
//	evicted       a message arrives                                      unverified, or alive if it is an answer
//	evicted       a leave message arrives                                leftUnknown
//	evicted       HeartbeatTimeout passes                                dead
//
// An announcement is an InitialHeartbeat, which every live node answers with a Heartbeat. "Any left one" is leaving,
// left, leftVerified or leftUnknown.
//
// Why a peer has to verify itself: whoever may publish can invent any number of uids. An unverified peer counts as a
// peer, but it shares a small part of the request budget, is forgotten early, and makes room for others when there
// are too many peers: the latest one first, since the others had more time to answer. A verified peer never makes
// room.
//
// Why a leave message needs a key: a node of this library proves it. Its heartbeats carry the hash of a random key,
// and the leave message the key. Node.js nodes prove nothing, so whoever may publish can send a leave message in
// their name. It is believed, but this node announces itself. If the peer is alive, it answers and is back. Requests
// ask it too until it is clear that it does not answer.
type peer struct {
	uid       string
	state     peerState
	place     *list.Element  // in the list of its state; nil if there is none
	lastHeard time.Time      // when a message of it last came
	process   *remoteProcess // the process that it belongs to; nil if it named none
	leftAt    time.Time      // tombstones: since when it is one
	// askedAt is when an announcement of this node came back that the peer has not answered yet, zero before.
	// inquiredAt is the same for an announcement that was made to find out who is there.
	askedAt, inquiredAt time.Time
	silent              bool   // it was overdue when that was last checked
	hasBeaten           bool   // a heartbeat of it has come
	closeHash           string // the hash of its key, as that heartbeat said; empty for a Node.js node
	budget              budget // what its requests cost
}

// peerState is the state of a peer.
type peerState int

const (
	dead       peerState = iota // not tracked: never heard of, or forgotten
	unverified                  // heard, but it has not answered this node yet
	alive                       // it has answered
	suspect                     // alive, but somebody sent a leave message in its name; it has to answer

	leaving      // it seems to have left, but nothing proves it; requests ask it too
	left         // it has left: it did not answer
	leftVerified // it has left and proved it
	leftUnknown  // it sent a leave message, but was no peer
	evicted      // it was unverified and made room for another peer
)

// isPeer reports whether a peer in state s counts as one. If not, it is a tombstone, or dead.
func (s peerState) isPeer() bool { return s == unverified || s == alive || s == suspect }

// mustAnswer reports whether a peer in state s has to answer an announcement.
func (s peerState) mustAnswer() bool { return s == unverified || s == suspect }

// list returns the list of the peers in state s: the unverified peers, and the three kinds of tombstones, each in the
// order in which they came. Tombstones of unknown uids have their own list, so that invented ones do not displace the
// others. It returns nil if the state has no list.
func (m *membership) list(s peerState) *list.List {
	switch s {
	case unverified:
		return &m.unverified
	case leaving, left, leftVerified:
		return &m.tombstones[0]
	case leftUnknown:
		return &m.tombstones[1]
	case evicted:
		return &m.tombstones[2]
	}
	return nil
}

// move changes the state of p. It keeps the maps, lists and counters of m. The caller holds mu.
func (m *membership) move(p *peer, to peerState, now time.Time) {
	from := p.state
	if from.mustAnswer() && p.inquiredAt.IsZero() {
		m.uninquired--
	}
	if to.mustAnswer() {
		m.uninquired++
	}
	if before, after := m.list(from), m.list(to); before != after {
		if before != nil {
			before.Remove(p.place)
			p.place = nil
		}
		if after != nil {
			if !to.isPeer() && after.Len() >= m.max {
				m.move(after.Front().Value.(*peer), dead, now)
			}
			p.place = after.PushBack(p)
		}
	}
	if from != leaving || to != left { // a peer that settles keeps what it was asked
		p.askedAt, p.inquiredAt = time.Time{}, time.Time{}
	}
	if !to.isPeer() && from.isPeer() {
		m.joinProcess(p, "")
		m.withoutProcess--
		delete(m.peers, p.uid)
		p.leftAt = now
	}
	if to.isPeer() && !from.isPeer() {
		m.withoutProcess++
		m.peers[p.uid] = p
	}
	switch {
	case to == dead || to.isPeer():
		if m.formerPeers[p.uid] == p {
			delete(m.formerPeers, p.uid)
		}
	default:
		m.formerPeers[p.uid] = p
		if from == dead {
			p.leftAt = now
		}
	}
	p.state = to
}
