package core

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// A tombstone is what is remembered of a node that has left or was evicted, so that its late messages do not bring it
// back. See peer for the states.

// newCloseKey returns a random key for the leave message, and its hash.
func newCloseKey() (key, hash string) {
	var b [16]byte
	rand.Read(b[:]) // never fails, see its documentation
	key = hex.EncodeToString(b[:])
	return key, closeHash(key)
}

// closeHash returns the first half of the key's SHA-256 sum, in hexadecimal.
func closeHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:sha256.Size/2])
}

// matches reports whether hash is the hash of key.
func matches(hash, key string) bool {
	return subtle.ConstantTimeCompare([]byte(hash), []byte(closeHash(key))) == 1
}

// readmit reports whether the sender of a message may become a peer, and removes its tombstone if it may. A sender
// without a tombstone always may. One that has left may if it announces itself or answers the announcement of this
// node that followed. verified: it answers. The caller holds mu.
func (m *membership) readmit(env *codec.Envelope, now time.Time) (allowed, verified bool) {
	p := m.formerPeers[env.UID]
	if p == nil {
		return true, false
	}
	verified = env.Type == codec.Heartbeat && p.state != leftVerified &&
		!p.askedAt.IsZero() && now.Sub(p.askedAt) <= m.answer
	allowed = verified || p.state == evicted || env.Type == codec.InitialHeartbeat
	if allowed {
		m.move(p, dead, now)
	}
	return allowed, verified
}

// buryUnknown adds a tombstone for the sender of a leave message that is no peer. The caller holds mu.
func (m *membership) buryUnknown(uid string, now time.Time) {
	if p := m.formerPeers[uid]; p != nil {
		if p.state != evicted {
			return // the tombstone that it has says more
		}
		m.move(p, dead, now)
	}
	m.move(&peer{uid: uid}, leftUnknown, now)
}

// leavingOnes calls f for each node that seems to have left and may still be there, until f returns false. f may
// settle it. The caller holds mu.
func (m *membership) leavingOnes(f func(*peer) bool) {
	for e := m.list(leaving).Front(); e != nil; e = e.Next() {
		if p := e.Value.(*peer); p.state == leaving && !f(p) {
			return
		}
	}
}

// unanswered reports whether p had to answer an announcement before limit and did not.
func (p *peer) unanswered(limit time.Time) bool {
	return !p.askedAt.IsZero() && p.askedAt.Before(limit)
}

// settleLeaving returns the nodes for which it is now clear that they have left, if they could have been heard until
// limit plus the heartbeat timeout.
func (m *membership) settleLeaving(limit time.Time) (uids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	limit = m.leavingLimit(limit)
	m.leavingOnes(func(p *peer) bool {
		if p.unanswered(limit) {
			m.move(p, left, limit)
			uids = append(uids, p.uid)
		}
		return true
	})
	return uids
}

// leavingLimit returns before when a node must have been asked, so that it is now clear that it has left. Requests
// wait for this, so the time is shorter than the time within which an answer is accepted.
func (m *membership) leavingLimit(limit time.Time) time.Time {
	return limit.Add(m.timeout - m.answer/4)
}

// forgetTombstones removes the tombstones from before limit.
func (m *membership) forgetTombstones(limit time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.tombstones {
		list := &m.tombstones[i]
		for e := list.Front(); e != nil && e.Value.(*peer).leftAt.Before(limit); e = list.Front() {
			m.move(e.Value.(*peer), dead, limit)
		}
	}
}
