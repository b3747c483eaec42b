package outage_test

import (
	"net/url"
	"testing"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// TestOpenOnAnotherServer needs servers that are not as the server of the test run is: one that asks for a password,
// and its replica.
func TestOpenOnAnotherServer(t *testing.T) {
	t.Parallel()
	primary := pgtest.OwnServer(t, "fsync=off")
	database := pgtest.DatabaseOn(t, primary.URL())
	primary.Exec(t, `CREATE ROLE guest LOGIN SUPERUSER PASSWORD 'right'`)
	primary.RequirePassword(t, "guest")
	replica := primary.Replica(t)
	copied := pgtest.With(t, database, func(u *url.URL) {
		r, _ := url.Parse(replica.URL())
		u.Host = r.Host
	})
	guest := func(password string) string {
		return pgtest.With(t, database, func(u *url.URL) { u.User = url.UserPassword("guest", password) })
	}
	for _, k := range kinds {
		t.Run(k.name+"/WrongPassword", func(t *testing.T) {
			wrong := guest("wrong")
			until(t, func() bool { return k.open(t, wrong, wrong, postgres.Config{}).query(within(t)) != nil }, "the server asks for the password")
			refusedSetup(t, k.open(t, wrong, wrong, postgres.Config{}), postgres.ErrUnreachable, "check the user and the password")
			refused(t, k.open(t, database, wrong, postgres.Config{}), postgres.ErrUnreachable, "check the user and the password")
			right := start(t, k.open(t, guest("right"), guest("right"), postgres.Config{}))
			flows(t, right)
			right.shut(t)
		})
		t.Run(k.name+"/Replica", func(t *testing.T) {
			refusedSetup(t, k.open(t, copied, copied, postgres.Config{}), postgres.ErrReadOnly, "connect to the primary")
			refused(t, k.open(t, database, copied, postgres.Config{}), postgres.ErrReadOnly, "connect to the primary")
			refusedSetup(t, k.open(t, copied, database, postgres.Config{}), postgres.ErrReadOnly, "connect to the primary")
		})
	}
}
