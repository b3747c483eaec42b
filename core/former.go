package core

import (
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// A node of this library proves its goodbye: its heartbeats carry the hash of a random key, and the goodbye the key. Node.js
// nodes prove nothing, so whoever may publish can say goodbye in their name. Their goodbye is believed, but followed by an
// announcement: if they are alive they answer it, and are back. Requests ask them too until it is clear that they do not answer.

// newCloseKey returns a random key to close with, and its hash.
func newCloseKey() (key, hash string) {
	var b [16]byte
	rand.Read(b[:]) // never fails, see its documentation
	key = hex.EncodeToString(b[:])
	return key, closeHash(key)
}

// closeHash is the first half of the key's SHA-256 sum, in hexadecimal.
func closeHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:sha256.Size/2])
}

// fits reports whether hash is that of key.
func fits(hash, key string) bool {
	return subtle.ConstantTimeCompare([]byte(hash), []byte(closeHash(key))) == 1
}

// former are those who are no peers any more: who said goodbye, whose later messages do not bring them back, and strangers who
// had to make room.
type former struct {
	max    int
	all    map[string]*leaver
	queues [3]*list.List // of *leaver, for each reason, with the oldest first and at most max of them
}

type leaver struct {
	uid      string
	why      reason
	at       time.Time
	doubtful bool      // it may be alive: requests ask it too
	proven   bool      // it is certain that it has left
	asked    time.Time // when an announcement that it would answer came back; zero before
	place    *list.Element
}

// reason is why somebody is no peer.
type reason int

const (
	saidGoodbye reason = 0 // and was a peer before
	neverKnown  reason = 1 // said goodbye, but was no peer
	madeRoom    reason = 2 // for another stranger
)

func newFormer(max int) former {
	return former{max: max, all: make(map[string]*leaver), queues: [...]*list.List{list.New(), list.New(), list.New()}}
}

// add notes that uid is no peer any more, which may be proven. What was noted about who is none anyway stays.
func (s *former) add(uid string, why reason, proven bool, now time.Time) {
	if l := s.all[uid]; l != nil {
		if why == neverKnown && l.why != madeRoom {
			return
		}
		s.remove(l)
	}
	queue := s.queues[why]
	if queue.Len() >= s.max {
		s.remove(queue.Front().Value.(*leaver))
	}
	l := &leaver{uid: uid, why: why, at: now, proven: proven, doubtful: why == saidGoodbye && !proven}
	l.place = queue.PushBack(l)
	s.all[uid] = l
}

func (s *former) remove(l *leaver) {
	s.queues[l.why].Remove(l.place)
	delete(s.all, l.uid)
}

// allow reports whether the sender of a message may become a peer: always, if it said no goodbye. If it did, the message has
// to bring it back: it announces itself, or it answers the announcement of this node that followed. answers: it does that.
func (s *former) allow(env *codec.Envelope, now time.Time, answer time.Duration) (allowed, answers bool) {
	l := s.all[env.UID]
	if l == nil {
		return true, false
	}
	answers = env.Type == codec.Heartbeat && !l.proven && !l.asked.IsZero() && now.Sub(l.asked) <= answer
	allowed = answers || l.why == madeRoom || env.Type == codec.InitialHeartbeat
	if allowed {
		s.remove(l)
	}
	return allowed, answers
}

// announced notes that an announcement came back, which those of whom it is not sure that they have left would answer.
func (s *former) announced(now time.Time) {
	for _, l := range s.all {
		if !l.proven && l.asked.IsZero() {
			l.asked = now
		}
	}
}

// doubted returns who seems to have said goodbye, and may still be there.
func (s *former) doubted() (uids []string) {
	for e := s.queues[saidGoodbye].Front(); e != nil; e = e.Next() {
		if l := e.Value.(*leaver); l.doubtful {
			uids = append(uids, l.uid)
		}
	}
	return uids
}

// doubts reports whether uid is among them.
func (s *former) doubts(uid string) bool {
	l := s.all[uid]
	return l != nil && l.doubtful
}

// due reports whether settle would return somebody.
func (s *former) due(limit time.Time) bool {
	for e := s.queues[saidGoodbye].Front(); e != nil; e = e.Next() {
		if e.Value.(*leaver).overdue(limit) {
			return true
		}
	}
	return false
}

func (l *leaver) overdue(limit time.Time) bool {
	return l.doubtful && !l.asked.IsZero() && l.asked.Before(limit)
}

// settle ends the doubt about those who should have answered before limit, and returns them.
func (s *former) settle(limit time.Time) (left []string) {
	for e := s.queues[saidGoodbye].Front(); e != nil; e = e.Next() {
		if l := e.Value.(*leaver); l.overdue(limit) {
			l.doubtful = false
			left = append(left, l.uid)
		}
	}
	return left
}

// forget forgets who left before limit.
func (s *former) forget(limit time.Time) {
	for _, queue := range s.queues {
		for e := queue.Front(); e != nil && e.Value.(*leaver).at.Before(limit); e = queue.Front() {
			s.remove(e.Value.(*leaver))
		}
	}
}
