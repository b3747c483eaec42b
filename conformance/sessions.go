package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backplane-go/backplane/storage"
)

// SessionsHarness tells the suite how to create a storage.Sessions and how to inject faults.
type SessionsHarness struct {
	// NewSessions returns a storage.Sessions that shares its sessions with the others of this test. It registers the
	// release of what it opens with tb.Cleanup. The suite prepares it. Each check uses its own scopes, so that many
	// checks can share one medium. Required.
	NewSessions func(tb testing.TB) storage.Sessions

	// Stall makes the medium hold back all traffic, without closing a connection, until the test calls resume.
	Stall func(tb testing.TB, s storage.Sessions) (resume func())

	// Patience is how long a check waits for something that must happen. The default is 10 seconds plus 40 times the
	// measured latency of saving a session.
	Patience time.Duration
}

// Sessions runs the checks of the promises of storage.Sessions.
func Sessions(t *testing.T, h SessionsHarness) {
	t.Helper()
	h.runSuite(t, false)
}

func (h SessionsHarness) runSuite(t *testing.T, soak bool) {
	t.Helper()
	if h.NewSessions == nil {
		t.Fatal("conformance: SessionsHarness.NewSessions is required, but nil")
	}
	runChecks(t, h.newSuite(soak), sessionsChecks(),
		func(c *checker) *sessionsChecker { return newSessionsChecker(c, h) })
}

func (h SessionsHarness) newSuite(soak bool) *suite {
	return newSuite("Sessions", soak, h.Patience, h.measure)
}

// measure returns the time of saving and taking a session.
func (h SessionsHarness) measure(ctx context.Context, tb testing.TB) time.Duration {
	s := h.NewSessions(tb)
	if s.PrepareSessions(ctx) != nil {
		return 0
	}
	scope := newID()
	start := time.Now()
	if s.SaveSessions(ctx, storage.SavedSession{Scope: scope, Key: "measured", Owner: "one"}) != nil {
		return 0
	}
	if _, err := s.TakeSession(ctx, scope, "measured", "two", time.Hour); err != nil {
		return 0
	}
	took := time.Since(start)
	_ = s.RemoveSessions(ctx, scope, "two", "measured")
	return took
}

// sessionsChecks returns the checks in the order in which the author should make them pass.
func sessionsChecks() []check[*sessionsChecker] {
	return slices.Concat(sessionsPrepareChecks, sessionsTakeChecks, sessionsOwnerChecks, sessionsAwayChecks,
		sessionsContentChecks, sessionsContextChecks)
}

// sessionsChecker runs one check of a storage.Sessions.
type sessionsChecker struct {
	*checker
	harness SessionsHarness
	prefix  string // starts all scopes of this check
}

func newSessionsChecker(c *checker, h SessionsHarness) *sessionsChecker {
	return &sessionsChecker{c, h, newID()}
}

// scope returns a scope that only this check uses.
func (c *sessionsChecker) scope(name string) string { return c.prefix + "#" + name }

func (c *sessionsChecker) newUnprepared() storage.Sessions {
	c.Helper()
	c.noteCall("SessionsHarness.NewSessions")
	s := c.harness.NewSessions(c.TB)
	if s == nil {
		c.Fatal("conformance: SessionsHarness.NewSessions returned nil")
	}
	return s
}

func (c *sessionsChecker) newSessions() storage.Sessions {
	c.Helper()
	s := c.newUnprepared()
	c.must("PrepareSessions", s.PrepareSessions)
	return s
}

// saved returns a session whose state follows from its names.
func (c *sessionsChecker) saved(scope, key, owner string, away bool) storage.SavedSession {
	return storage.SavedSession{Scope: c.scope(scope), Key: key, Owner: owner, Away: away,
		State: []byte("state of " + scope + " " + key)}
}

func (c *sessionsChecker) save(s storage.Sessions, sessions ...storage.SavedSession) {
	c.Helper()
	called := "SaveSessions of " + countSessions(len(sessions))
	if len(sessions) == 1 {
		called = "SaveSessions of " + showSession(sessions[0])
	}
	c.must(called, func(ctx context.Context) error { return s.SaveSessions(ctx, sessions...) })
}

func countSessions(n int) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}

func showSession(s storage.SavedSession) string {
	away := ""
	if s.Away {
		away = ", away"
	}
	return fmt.Sprintf("%s in %s, of %s%s, with the state %s", quote(s.Key), quote(s.Scope), quote(s.Owner), away,
		quote(string(s.State)))
}

// take takes a session that must exist, and returns it.
func (c *sessionsChecker) take(
	s storage.Sessions, scope, key, owner string, maxAway time.Duration,
) storage.SavedSession {
	c.Helper()
	saved, err := c.tryTake(s, scope, key, owner, maxAway)
	if err != nil {
		c.fail(c.takeCall(scope, key, owner, maxAway), "the session", "the error %q", err)
	}
	return saved
}

func (c *sessionsChecker) takeCall(scope, key, owner string, maxAway time.Duration) string {
	return fmt.Sprintf("TakeSession %s in %s for %s, away for at most %v", quote(key), quote(c.scope(scope)),
		quote(owner), maxAway)
}

func (c *sessionsChecker) tryTake(s storage.Sessions, scope, key, owner string, maxAway time.Duration) (
	saved storage.SavedSession, err error,
) {
	c.Helper()
	err = c.call(c.takeCall(scope, key, owner, maxAway), func(ctx context.Context) (err error) {
		saved, err = s.TakeSession(ctx, c.scope(scope), key, owner, maxAway)
		return err
	})
	return saved, err
}

// expectTake fails the check unless the session that is taken is want.
func (c *sessionsChecker) expectTake(s storage.Sessions, called, owner string, want storage.SavedSession) {
	c.Helper()
	scope := want.Scope[len(c.scope("")):]
	called += ", " + c.takeCall(scope, want.Key, owner, time.Hour)
	got, err := c.tryTake(s, scope, want.Key, owner, time.Hour)
	switch {
	case err != nil:
		c.fail(called, showSession(want), "the error %q", err)
	case !sameSession(got, want):
		c.fail(called, showSession(want), "%s", showSession(got))
	}
}

func sameSession(a, b storage.SavedSession) bool {
	return a.Scope == b.Scope && a.Key == b.Key && a.Owner == b.Owner && a.Away == b.Away &&
		string(a.State) == string(b.State)
}

// expectNoSession fails the check unless TakeSession finds nothing.
func (c *sessionsChecker) expectNoSession(
	s storage.Sessions, called, scope, key, owner string, maxAway time.Duration,
) {
	c.Helper()
	called += ", " + c.takeCall(scope, key, owner, maxAway)
	got, err := c.tryTake(s, scope, key, owner, maxAway)
	switch {
	case err == nil:
		c.fail(called, "storage.ErrNotFound", "%s", showSession(got))
	case !errors.Is(err, storage.ErrNotFound):
		c.fail(called, "storage.ErrNotFound", "the error %q", err)
	}
}

func (c *sessionsChecker) remove(s storage.Sessions, scope, owner string, keys ...string) {
	c.Helper()
	called := fmt.Sprintf("RemoveSessions %s of %s", join(keys), quote(owner))
	c.must(called, func(ctx context.Context) error { return s.RemoveSessions(ctx, c.scope(scope), owner, keys...) })
}

func (c *sessionsChecker) abandon(s storage.Sessions, scope, owner string) {
	c.Helper()
	c.must("AbandonSessions of "+quote(owner), func(ctx context.Context) error {
		return s.AbandonSessions(ctx, c.scope(scope), owner)
	})
}

func (c *sessionsChecker) expire(s storage.Sessions, scope string, maxAway time.Duration) {
	c.Helper()
	c.must(fmt.Sprintf("ExpireSessions away for more than %v", maxAway), func(ctx context.Context) error {
		return s.ExpireSessions(ctx, c.scope(scope), maxAway)
	})
}

// expectOwners fails the check unless these are the owners of sessions whose clients are not away.
func (c *sessionsChecker) expectOwners(s storage.Sessions, called, scope string, want ...string) {
	c.Helper()
	var got []string
	c.must(called+", SessionOwners", func(ctx context.Context) (err error) {
		got, err = s.SessionOwners(ctx, c.scope(scope))
		return err
	})
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		c.fail(called+", SessionOwners", "the owners "+join(want)+", each once", "%s", join(got))
	}
}

// inParallel calls f on n goroutines and fails the check if a call returns an error.
func (c *sessionsChecker) inParallel(called string, n int, f func(ctx context.Context, i int) error) {
	c.Helper()
	(&logChecker{checker: c.checker}).inParallel(called, n, f)
}
