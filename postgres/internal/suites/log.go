package suites

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// testAppend shows that kept messages are delivered as others are.
func (o Opener) testAppend(t *testing.T) {
	h := o.busHarness(t)
	prepared := false
	newBus, noServer := h.NewBus, h.NoServer
	h.NewBus = func(tb testing.TB) transport.Bus {
		driver := newBus(tb).(Driver)
		if !prepared {
			if err := driver.PrepareLog(tb.Context()); err != nil {
				tb.Fatal(err)
			}
			prepared = true
		}
		return conformance.AppendingBus(driver)
	}
	h.SeverEntries, h.Foreign = nil, nil
	h.NoServer = func(tb testing.TB) transport.Bus {
		return conformance.AppendingBus(noServer(tb).(Driver))
	}
	conformance.Bus(t, h)
}

// logHarness connects all buses of a test to one database, through a proxy. If tests may start servers, it has its
// own, which it crashes.
func (o Opener) logHarness(tb testing.TB) conformance.LogHarness {
	var server *pgtest.Server
	var database string
	if os.Getenv(pgtest.EnvOwn) == "1" {
		server = pgtest.OwnServer(tb)
		database = server.URL()
	} else {
		database = pgtest.Database(tb)
	}
	proxy := pgtest.NewProxy(tb, database)
	h := conformance.LogHarness{
		NewLog: func(tb testing.TB) transport.Log { return o.open(tb, proxy.URL()) },
		NewEpoch: func(tb testing.TB, _ transport.Log) {
			drop, err := postgres.DropLog("")
			if err != nil {
				tb.Fatal(err)
			}
			create, err := postgres.LogSchema("")
			if err != nil {
				tb.Fatal(err)
			}
			pgtest.Exec(tb, database, drop+create)
		},
		Begin: func(tb testing.TB, _ transport.Log) conformance.LogTransaction { return o.Begin(tb, database) },
		Unwritable: func(tb testing.TB, _ transport.Log) (repair func()) {
			pgtest.Exec(tb, database, `CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
				$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$;`+
				eachSlot("CREATE TRIGGER disk_full BEFORE INSERT ON %s EXECUTE FUNCTION disk_full();"))
			return func() { pgtest.Exec(tb, database, "DROP FUNCTION disk_full CASCADE") }
		},
		NoServer: func(tb testing.TB) transport.Log {
			gone := pgtest.NewProxy(tb, database)
			gone.Close()
			return o.open(tb, gone.URL())
		},
		Stall: func(testing.TB, transport.Log) (resume func()) {
			proxy.Stall(pgtest.Both)
			return proxy.Resume
		},
	}
	if server != nil {
		h.Crash = func(tb testing.TB, _ transport.Log) { server.Restart(tb, pgtest.Immediate) }
	}
	return h
}

// eachSlot returns a statement for each table of the ring.
func eachSlot(statement string) string {
	var all strings.Builder
	for i := range postgres.LogSlots {
		fmt.Fprintf(&all, statement, fmt.Sprint("backplane_log_", i))
	}
	return all.String()
}
