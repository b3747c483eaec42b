package conformance

import (
	"fmt"
	"time"

	"github.com/backplane-go/backplane/storage"
)

var sessionsOwnerChecks = []check[*sessionsChecker]{
	{"OnlyTheOwnerChangesASession", "storage.Sessions.SaveSessions",
		"SaveSessions ignores a session that another node owns, and saves the others, and RemoveSessions removes " +
			"only those of its owner. The node that has lost a client may save it a moment later.",
		onlyTheOwnerChangesASession},
	{"OwnersOfConnectedClients", "storage.Sessions.SessionOwners",
		"SessionOwners returns the owners of sessions whose clients are not away, each once, also those that have " +
			"just taken one. The nodes find out with it which of them have crashed.", ownersOfConnectedClients},
	{"AbandonedSessionsCanBeTaken", "storage.Sessions.AbandonSessions",
		"After AbandonSessions the clients of the node are away from then on, and what it has taken and not saved " +
			"can be taken again. A node may crash at any moment.", abandonedSessionsCanBeTaken},
}

func onlyTheOwnerChangesASession(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	a, b := c.saved("s", "a", "one", false), c.saved("s", "b", "two", false)
	c.save(one, a, b)
	foreign := a
	foreign.Owner, foreign.State, foreign.Away = "two", []byte("foreign"), true
	b.State = []byte("changed")
	another := c.saved("s", "c", "two", false)
	c.save(two, foreign, b, another)
	c.remove(two, "s", "two", "a", "unknown")
	called := "SaveSessions and RemoveSessions of a node that is not the owner"
	c.expectTake(two, called, "three", a)
	c.expectTake(one, called+"; another session of the same call", "three", b)
	c.expectTake(one, called+"; another session of the same call", "three", another)

	// The owner before is not the owner any more, also while the new owner has not saved it.
	late := a
	late.State = []byte("late")
	c.save(one, late)
	c.remove(one, "s", "one", "a")
	c.expectNoSession(one, "TakeSession, SaveSessions of the owner before", "s", "a", "four", time.Hour)
	a.Owner, a.State = "three", []byte("of the new owner")
	c.save(two, a)
	c.save(one, late)
	c.remove(one, "s", "one", "a")
	c.expectTake(two, "TakeSession, SaveSessions of both owners", "four", a)
	c.remove(one, "s", "four", "a") // it has taken it, and not saved it
	a.Owner = "five"
	c.save(one, a)
	c.expectTake(two, "TakeSession, RemoveSessions, SaveSessions of another node", "six", a)
}

func ownersOfConnectedClients(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	c.expectOwners(one, "before anything is saved", "s")
	c.save(one, c.saved("s", "1", "a", false), c.saved("s", "2", "a", false), c.saved("s", "3", "b", true),
		c.saved("s", "4", "c", false), c.saved("s", "5", "c", true), c.saved("other", "6", "d", false))
	c.expectOwners(two, "SaveSessions", "s", "a", "c")
	c.expectOwners(two, "SaveSessions", "other", "d")
	c.save(two, c.saved("s", "4", "c", true))
	c.expectOwners(one, "SaveSessions with Away", "s", "a")
	c.save(two, c.saved("s", "3", "b", false))
	c.expectOwners(one, "SaveSessions without Away", "s", "a", "b")
	c.remove(one, "s", "a", "1", "2")
	c.expectOwners(two, "RemoveSessions", "s", "b")
	c.take(two, "s", "3", "e", time.Hour)
	c.expectOwners(one, "TakeSession", "s", "e")
	c.take(two, "s", "5", "f", time.Hour)
	c.expectOwners(one, "TakeSession of a client that was away", "s", "e", "f")
}

func abandonedSessionsCanBeTaken(c *sessionsChecker) {
	one, two := c.newSessions(), c.newSessions()
	connected, taken := c.saved("s", "connected", "crashed", false), c.saved("s", "taken", "before", false)
	other, elsewhere := c.saved("s", "other", "alive", false), c.saved("s2", "elsewhere", "crashed", false)
	c.save(one, connected, taken, other, elsewhere)
	c.expectTake(two, "SaveSessions", "crashed", taken)
	c.expectOwners(one, "TakeSession", "s", "alive", "crashed")
	c.abandon(one, "s", "crashed")
	c.abandon(two, "s", "crashed") // all nodes notice
	const called = "AbandonSessions"
	c.expectOwners(two, called, "s", "alive")
	c.expectOwners(two, called, "s2", "crashed")
	for _, want := range []storage.SavedSession{connected, taken} {
		got := c.take(two, "s", want.Key, "next", time.Hour)
		if string(got.State) != string(want.State) || got.Owner != "crashed" {
			want.Owner = "crashed"
			c.fail(called+", TakeSession", showSession(want), "%s", showSession(got))
		}
		c.expectNoSession(one, called+", TakeSession", "s", want.Key, "another", time.Hour)
	}
	c.expectTake(two, called+" of another node", "next", other)
	c.expectTake(two, called+" in another scope", "next", elsewhere)
	c.abandon(one, "s", "unknown")

	// They are away from then on, also if they are abandoned again.
	for i := range 2 {
		key := fmt.Sprint("expires ", i)
		c.save(one, c.saved("s", key, "crashed", i == 1))
		c.abandon(one, "s", "crashed")
		time.Sleep(sessionGap)
		c.abandon(two, "s", "crashed")
		c.expectNoSession(two, called+", wait, AbandonSessions", "s", key, "late", sessionGap/2)
	}
}
