package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// uses are the calls that find the connections of a driver dead after an idle time. Each is made twice and must
// succeed.
var uses = map[string]func(ctx context.Context, t *testing.T, on subject) error{
	"Publish": func(ctx context.Context, _ *testing.T, on subject) error {
		return on.Publish(ctx, messages("a", "1")...)
	},
	"PublishEqual": func(ctx context.Context, _ *testing.T, on subject) error {
		return on.Publish(ctx, messages("a", "1", "1", "2")...)
	},
	"Put": func(ctx context.Context, t *testing.T, on subject) error {
		_, err := on.Put(ctx, []byte("body"))
		return err
	},
	"PutAll": func(ctx context.Context, t *testing.T, on subject) error {
		_, err := on.driver.(storage.Batch).PutAll(ctx, [][]byte{[]byte("a"), []byte("b")})
		return err
	},
	"Get": func(ctx context.Context, t *testing.T, on subject) error {
		body, err := on.Get(ctx, on.id)
		require.Equal(t, len(body) > 0, err == nil)
		return err
	},
	"GetUpTo": func(ctx context.Context, t *testing.T, on subject) error {
		_, err := on.driver.(storage.Sizer).GetUpTo(ctx, []string{on.id, on.id}, 1)
		return err
	},
	"Expire":  func(ctx context.Context, _ *testing.T, on subject) error { return on.Expire(ctx, time.Hour) },
	"Prepare": func(ctx context.Context, _ *testing.T, on subject) error { return on.Prepare(ctx) },
	"Open": func(ctx context.Context, _ *testing.T, on subject) error {
		s, err := on.Open(ctx)
		if err == nil {
			err = s.Close(ctx)
		}
		return err
	},
}

// TestFirstUseOfDeadConnectionsSucceeds: whatever ended the connections between two calls, the second call
// succeeds like the first.
func TestFirstUseOfDeadConnectionsSucceeds(t *testing.T) {
	type environment struct {
		database string
		proxy    *pgtest.Proxy
	}
	for name, c := range map[string]struct {
		end  func(t *testing.T, w environment)
		slow bool // detection takes an idle time, so the test makes fewer rounds
	}{
		"Terminated": {end: func(t *testing.T, w environment) { pgtest.Kill(t, w.database, "true") }},
		"Cut":        {end: func(_ *testing.T, w environment) { w.proxy.Cut() }},
		"PacketsDropped": {slow: true, end: func(_ *testing.T, w environment) {
			time.Sleep(1100 * time.Millisecond) // connections with data in the last second count as alive
			w.proxy.DropPackets()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				database := pgtest.Database(t)
				for name, use := range uses {
					t.Run(name, func(t *testing.T) {
						rounds := 2
						if c.slow {
							if slices.Contains([]string{"PutAll", "GetUpTo", "Open"}, name) {
								t.Skip("covered by the other calls")
							}
							t.Parallel()
							rounds = 1
						}
						w := environment{database: database}
						w.proxy = pgtest.NewProxy(t, w.database)
						on := subject{}
						on.driver, _ = k.open(t, w.proxy.URL(), w.proxy.URL(), postgres.Config{})
						t.Cleanup(func() {
							w.proxy.Cut()
							_ = on.Close(within(t))
						})
						require.NoError(t, on.Prepare(within(t)))
						var err error
						on.id, err = on.Put(within(t), make([]byte, 100))
						require.NoError(t, err)
						require.NoError(t, use(within(t), t, on), "the first call")
						require.Positive(t, w.proxy.Open())
						for range rounds {
							c.end(t, w)
							require.NoError(t, use(within(t), t, on), "the first call afterwards")
							require.NoError(t, use(within(t), t, on), "the second call")
						}
					})
				}
			})
		})
	}
}

// receiveAll receives the messages that were published on "a" before the call.
func receiveAll(t *testing.T, database string, k kind, s transport.Session) (payloads []string) {
	t.Helper()
	require.NoError(t, newDriver(t, k, database).Publish(within(t), messages("a", "the end")...))
	for {
		m, err := s.Receive(within(t))
		require.NoError(t, err)
		if string(m.Payload) == "the end" {
			return payloads
		}
		payloads = append(payloads, string(m.Payload))
	}
}

// TestTerminationInsteadOfAnAnswerIsRetried: the server ends the session while the statement is on its way, and
// never receives it. Its termination message comes before any answer, which proves that.
func TestTerminationInsteadOfAnAnswerIsRetried(t *testing.T) {
	for name, payloads := range map[string][]string{"One": {"1"}, "Many": {"1", "2"}, "Equal": {"1", "1"}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				d, proxy, database := halfOpen(t, k)
				s := listen(t, newDriver(t, k, database), "a")
				require.NoError(t, d.Publish(within(t), messages("a", "0")...))
				require.NoError(t, d.Publish(within(t), messages("a", "0", "0")...)) // all is prepared
				proxy.StallExisting(pgtest.ToServer)
				published := make(chan error)
				go func() { published <- d.Publish(within(t), messages("a", payloads...)...) }()
				require.Eventually(t, func() bool { return proxy.Held() > 0 }, patience, time.Millisecond,
					"the statement must be on its way")
				require.Equal(t, 1, pgtest.KillPublishers(t, database))
				require.NoError(t, <-published, "the message must be sent over another connection")
				proxy.Resume()
				want := append([]string{"0", "0", "0"}, payloads...)
				require.Equal(t, want, receiveAll(t, database, k, s), "each message must arrive exactly once")
			})
		})
	}
}

// TestMessageWithUnknownOutcomeIsNeverSentAgain: the statement has reached the server, but no answer arrived.
func TestMessageWithUnknownOutcomeIsNeverSentAgain(t *testing.T) {
	for name, payloads := range map[string][]string{"One": {"1"}, "Many": {"1", "2"}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				d, proxy, database := halfOpen(t, k)
				s := listen(t, newDriver(t, k, database), "a")
				require.NoError(t, d.Publish(within(t), messages("a", "0")...))
				proxy.StallExisting(pgtest.ToClient)
				published := make(chan error)
				go func() { published <- d.Publish(within(t), messages("a", payloads...)...) }()
				require.Eventually(t, func() bool { return proxy.Held() > 0 }, patience, time.Millisecond,
					"the answer must be on its way")
				proxy.Cut()
				err := <-published
				require.Error(t, err)
				require.NotErrorIs(t, err, transport.ErrNotSent, "the outcome is unknown")
				var rejected *transport.RejectedError
				require.NotErrorAs(t, err, &rejected, "the outcome is unknown")
				proxy.Resume()
				require.NoError(t, d.Publish(within(t), messages("a", "later")...))
				want := append(append([]string{"0"}, payloads...), "later")
				require.Equal(t, want, receiveAll(t, database, k, s), "each message must arrive exactly once")
			})
		})
	}
}

// TestFirstUseOfDeadConnectionsOverTLSSucceeds: the termination message is encrypted, but the end of the
// connection is visible.
func TestFirstUseOfDeadConnectionsOverTLSSucceeds(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, pgtest.Encrypted(t, database))
		through := proxy.URL()
		on := subject{}
		on.driver, _ = k.open(t, through, through, postgres.Config{})
		defer func() { _ = on.Close(within(t)) }()
		require.NoError(t, on.Prepare(within(t)))
		for range 3 {
			var err error
			on.id, err = on.Put(within(t), []byte("body"))
			require.NoError(t, err)
			for _, use := range []string{"Publish", "PublishEqual", "Get"} {
				require.NoError(t, uses[use](within(t), t, on), use)
			}
			pgtest.Kill(t, database, "true")
			require.Eventually(t, func() bool { return proxy.Open() == 0 }, patience, time.Millisecond,
				"the end of the connections must have come through")
		}
	})
}

// TestUnreachableServerIsReportedAtOnce: retrying on another connection does not hide the error.
func TestUnreachableServerIsReportedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, _ := halfOpen(t, k)
		require.NoError(t, d.Publish(within(t), messages("a", "0")...))
		proxy.Refuse(true)
		proxy.Cut()
		before := proxy.Accepted()
		err := d.Publish(within(t), messages("a", "1")...)
		require.ErrorIs(t, err, postgres.ErrUnreachable)
		require.ErrorIs(t, err, transport.ErrNotSent)
		require.NoError(t, within(t).Err())
		require.LessOrEqual(t, proxy.Accepted()-before, 2, "one attempt to connect at most, with and without TLS")
		proxy.Refuse(false)
		require.NoError(t, d.Publish(within(t), messages("a", "2")...))
	})
}

// TestClientsThatPgBouncerClosesAreReplaced: unless it pools sessions, PgBouncer ends idle clients with its own
// error message.
func TestClientsThatPgBouncerClosesAreReplaced(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, pgtest.NewBouncer(t, database, pgtest.PoolTransactions, "client_idle_timeout = 1"))
		d, _ := k.open(t, proxy.URL(), database, postgres.Config{})
		defer func() { _ = d.Close(within(t)) }()
		require.NoError(t, d.Prepare(within(t)))
		for range 2 {
			id, err := d.Put(within(t), []byte("body"))
			require.NoError(t, err)
			_, err = d.Get(within(t), id)
			require.NoError(t, err)
			require.NoError(t, d.Expire(within(t), time.Hour))
			require.Eventually(t, func() bool { return proxy.Open() == 0 }, patience, 10*time.Millisecond,
				"PgBouncer must end idle clients")
		}
	})
}

// TestCallIsRetriedUntilAConnectionWorks: a call finds its connection terminated, and then each other idle
// connection as well. It is retried until a connection works.
func TestCallIsRetriedUntilAConnectionWorks(t *testing.T) {
	for _, name := range []string{"Put", "PutAll", "Get", "Expire"} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				database := pgtest.Database(t)
				proxy := pgtest.NewProxy(t, database)
				on := subject{}
				on.driver, _ = k.open(t, proxy.URL(), proxy.URL(), postgres.Config{})
				t.Cleanup(func() { _ = on.Close(within(t)) })
				require.NoError(t, on.Prepare(within(t)))
				var err error
				on.id, err = on.Put(within(t), []byte("body"))
				require.NoError(t, err)
				for range 3 {
					var busy sync.WaitGroup
					for range 8 { // opens several connections
						busy.Go(func() {
							assert.NoError(t, uses["Put"](within(t), t, on))
							assert.NoError(t, uses["Get"](within(t), t, on))
						})
					}
					busy.Wait()
					proxy.StallExisting(pgtest.ToServer)
					const next = "SELECT coalesce(min(pid), 0) FROM pg_stat_activity " +
						"WHERE pid > $1 AND datname = current_database() AND pid <> pg_backend_pid()"
					var pids []int
					for last := 0; ; pids = append(pids, last) {
						if last = pgtest.QueryInt(t, database, next, last); last == 0 {
							break
						}
					}
					used := make(chan error, 1)
					go func() { used <- uses[name](within(t), t, on) }()
					require.Eventually(t, func() bool { return proxy.Held() > 0 }, patience, time.Millisecond,
						"the statement must be on its way")
					for _, pid := range pids {
						pgtest.Kill(t, database, fmt.Sprint("pid = ", pid))
						time.Sleep(10 * time.Millisecond) // time for a retry, if the call used this connection
					}
					require.NoError(t, <-used)
					proxy.Resume()
				}
			})
		})
	}
}

// TestPublishingConnectionTerminatedWhileOpeningIsReplaced: nothing was sent over it, so another one is opened.
func TestPublishingConnectionTerminatedWhileOpeningIsReplaced(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		d, proxy, database := halfOpen(t, k)
		s := listen(t, newDriver(t, k, database), "a")
		proxy.Delay(30 * time.Millisecond)
		published := make(chan error, 1)
		go func() { published <- d.Publish(within(t), messages("a", "1")...) }()
		const opening = "application_name = 'backplane publish' AND query NOT LIKE '%pg_notify(%'"
		for killed := 0; killed < 3 && len(published) == 0; time.Sleep(time.Millisecond) {
			killed += pgtest.Kill(t, database, opening)
		}
		require.NoError(t, <-published)
		require.Equal(t, []string{"1"}, receiveAll(t, database, k, s))
	})
}
