package outage_test

import (
	"net/url"
	"testing"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// TestOpenOnASpecialServer needs its own servers: one that requires a password, and its replica.
func TestOpenOnASpecialServer(t *testing.T) {
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
			eventually(t, func() bool { return k.openAt(t, wrong).query(within(t)) != nil },
				"the server must require the password")
			requireSetupFails(t, k.openAt(t, wrong), postgres.ErrUnreachable, "check the user and the password")
			requireOpenFails(t, k.open(t, database, wrong, postgres.Config{}), postgres.ErrUnreachable,
				"check the user and the password")
			right := startNode(t, k.openAt(t, guest("right")))
			requireDelivery(t, right)
			right.requireClose(t)
		})
		t.Run(k.name+"/Replica", func(t *testing.T) {
			requireSetupFails(t, k.openAt(t, copied), postgres.ErrReadOnly, "connect to the primary")
			requireOpenFails(t, k.open(t, database, copied, postgres.Config{}), postgres.ErrReadOnly,
				"connect to the primary")
			requireSetupFails(t, k.open(t, copied, database, postgres.Config{}), postgres.ErrReadOnly,
				"connect to the primary")
		})
	}
}
