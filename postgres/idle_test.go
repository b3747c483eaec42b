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

// uses are the calls that find the connections of a driver dead after an idle time. Each is made twice, and has to work.
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

// TestFirstUseOfDeadConnections: whatever has ended the connections between two uses, the second works as the first did.
func TestFirstUseOfDeadConnections(t *testing.T) {
	type world struct {
		database string
		proxy    *pgtest.Proxy
	}
	for name, c := range map[string]struct {
		end     func(t *testing.T, w world)
		patient bool // it takes an idle time to notice: the test is shorter
	}{
		"Terminated": {end: func(t *testing.T, w world) { pgtest.Kill(t, w.database, "true") }},
		"Cut":        {end: func(_ *testing.T, w world) { w.proxy.Cut() }},
		"Swallowed": {patient: true, end: func(_ *testing.T, w world) {
			time.Sleep(1100 * time.Millisecond) // what was heard of within a second is believed to live
			w.proxy.Swallow()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				database := pgtest.Database(t)
				for name, use := range uses {
					t.Run(name, func(t *testing.T) {
						rounds := 2
						if c.patient {
							if slices.Contains([]string{"PutAll", "GetUpTo", "Open"}, name) {
								t.Skip("as the others")
							}
							t.Parallel()
							rounds = 1
						}
						w := world{database: database}
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
						require.NoError(t, use(within(t), t, on), "the first use")
						require.Positive(t, w.proxy.Open())
						for range rounds {
							c.end(t, w)
							require.NoError(t, use(within(t), t, on), "the first use after that")
							require.NoError(t, use(within(t), t, on), "the second")
						}
					})
				}
			})
		})
	}
}

// receiveAll receives what was published on "a" before now.
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

// TestGoodbyeInsteadOfAnAnswer: the server ends the session while the statement is on its way, which it never gets. It says so
// before it has answered anything, which proves that.
func TestGoodbyeInsteadOfAnAnswer(t *testing.T) {
	for name, payloads := range map[string][]string{"One": {"1"}, "Many": {"1", "2"}, "Equal": {"1", "1"}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				d, proxy, database := halfOpen(t, k)
				s := listen(t, newDriver(t, k, database), "a")
				require.NoError(t, d.Publish(within(t), messages("a", "0")...))
				require.NoError(t, d.Publish(within(t), messages("a", "0", "0")...)) // all is prepared
				proxy.StallStanding(pgtest.ToServer)
				published := make(chan error)
				go func() { published <- d.Publish(within(t), messages("a", payloads...)...) }()
				require.Eventually(t, func() bool { return proxy.Held() > 0 }, patience, time.Millisecond, "the statement is on its way")
				require.Equal(t, 1, pgtest.KillPublishers(t, database))
				require.NoError(t, <-published, "it goes over another connection")
				proxy.Resume()
				require.Equal(t, append([]string{"0", "0", "0"}, payloads...), receiveAll(t, database, k, s), "each exactly once")
			})
		})
	}
}

// TestOpenFateIsNeverSentAgain: the statement has reached the server, and what became of it nobody says.
func TestOpenFateIsNeverSentAgain(t *testing.T) {
	for name, payloads := range map[string][]string{"One": {"1"}, "Many": {"1", "2"}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				d, proxy, database := halfOpen(t, k)
				s := listen(t, newDriver(t, k, database), "a")
				require.NoError(t, d.Publish(within(t), messages("a", "0")...))
				proxy.StallStanding(pgtest.ToClient)
				published := make(chan error)
				go func() { published <- d.Publish(within(t), messages("a", payloads...)...) }()
				require.Eventually(t, func() bool { return proxy.Held() > 0 }, patience, time.Millisecond, "the answer is on its way")
				proxy.Cut()
				err := <-published
				require.Error(t, err)
				require.NotErrorIs(t, err, transport.ErrNotSent, "nobody knows")
				var rejected *transport.RejectedError
				require.NotErrorAs(t, err, &rejected, "nobody knows")
				proxy.Resume()
				require.NoError(t, d.Publish(within(t), messages("a", "later")...))
				require.Equal(t, append(append([]string{"0"}, payloads...), "later"), receiveAll(t, database, k, s), "each exactly once")
			})
		})
	}
}

// TestFirstUseOfDeadConnectionsOverTLS: the goodbye cannot be read where the bytes are watched, but the end of the connection is seen.
func TestFirstUseOfDeadConnectionsOverTLS(t *testing.T) {
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
			require.Eventually(t, func() bool { return proxy.Open() == 0 }, patience, time.Millisecond, "the end has come through")
		}
	})
}

// TestServerThatIsDownIsToldAtOnce: the one other connection that is tried does not hide what is wrong.
func TestServerThatIsDownIsToldAtOnce(t *testing.T) {
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
		require.LessOrEqual(t, proxy.Accepted()-before, 2, "it is tried once, with and without TLS at most")
		proxy.Refuse(false)
		require.NoError(t, d.Publish(within(t), messages("a", "2")...))
	})
}

// TestIdleClientsOfPgBouncer: PgBouncer says goodbye in its own way to those who are idle, unless it pools whole sessions.
func TestIdleClientsOfPgBouncer(t *testing.T) {
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
			require.Eventually(t, func() bool { return proxy.Open() == 0 }, patience, 10*time.Millisecond, "PgBouncer ends idle clients")
		}
	})
}

// TestConnectionsEndedOneAfterTheOther: a call finds its connection ended, and so each other one that was idle. It is made until one lives.
func TestConnectionsEndedOneAfterTheOther(t *testing.T) {
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
					for range 8 { // several connections stand
						busy.Go(func() {
							assert.NoError(t, uses["Put"](within(t), t, on))
							assert.NoError(t, uses["Get"](within(t), t, on))
						})
					}
					busy.Wait()
					proxy.StallStanding(pgtest.ToServer)
					backends := "datname = current_database() AND pid <> pg_backend_pid()"
					var pids []int
					for last := 0; ; pids = append(pids, last) {
						if last = pgtest.QueryInt(t, database, "SELECT coalesce(min(pid), 0) FROM pg_stat_activity WHERE pid > $1 AND "+backends, last); last == 0 {
							break
						}
					}
					used := make(chan error, 1)
					go func() { used <- uses[name](within(t), t, on) }()
					require.Eventually(t, func() bool { return proxy.Held() > 0 }, patience, time.Millisecond, "the statement is on its way")
					for _, pid := range pids {
						pgtest.Kill(t, database, fmt.Sprint("pid = ", pid))
						time.Sleep(10 * time.Millisecond) // it goes to another one, if the connection was its own
					}
					require.NoError(t, <-used)
					proxy.Resume()
				}
			})
		})
	}
}

// TestPublisherEndedWhileItIsOpened: nothing was sent over it, so another one is opened.
func TestPublisherEndedWhileItIsOpened(t *testing.T) {
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
