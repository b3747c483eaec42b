package connect

import (
	"database/sql"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// postgresEngine is PostgreSQL, with one of two drivers.
type postgresEngine struct{}

func (postgresEngine) facts() facts {
	return facts{
		name: "PostgreSQL", flag: "postgres", env: "DATABASE_URL", dialects: []string{standardDialect, legacyDialect},
		flags: []string{"driver", "table", "log-table", "table-owner"}, log: true,
		channel: postgres.MaxName,
	}
}

func (e postgresEngine) bind(f *Flags, nodes bool) {
	f.bindURL(e, e.what(nodes), "postgres://user:password@localhost:5432/database")
	f.fs.StringVar(&f.driver, "driver", "", "PostgreSQL driver to use: `NAME` is pgx (the default) or pq")
	cli.FlagValues(f.fs, "driver", "pgx", "pq")
	table, usage := postgres.DefaultTable, "the cluster's `TABLE` for large payloads: name or schema.name"
	if nodes {
		table = ""
		usage = "`TABLE` for large payloads, which is created if it does not exist (default " +
			postgres.DefaultTable + ")"
	}
	f.fs.StringVar(&f.table, "table", table, usage)
	f.group(f.fs, "postgres", "driver", "table")
	if !nodes { // with nodes it is one of the flags of the log
		f.bindLogTable(f.fs)
		f.group(f.fs, "log-table")
	}
	f.fs.StringVar(&f.owner, "table-owner", "", "accept a table that this other `ROLE` owns")
	f.group(f.fs, "table-owner")
}

func (postgresEngine) what(nodes bool) string {
	if nodes {
		return "PostgreSQL database"
	}
	return "database"
}

func (postgresEngine) open(f *Flags, source, url string) (Server, error) {
	if !f.nodes && f.table == "" {
		return nil, &cli.UsageError{Reason: "--table is empty: omit it for the default, " + postgres.DefaultTable}
	}
	config := postgres.Config{Table: f.table, LogTable: f.logged, TableOwner: f.owner, NoAutoCreate: !f.nodes}
	server, err := openPostgres(source, url, f.driver, config)
	if err != nil {
		return nil, err // not a nil *Postgres in an interface
	}
	server.timeout = f.Timeout
	return server, nil
}

// Postgres is a PostgreSQL server, used with one of the drivers.
type Postgres struct {
	place
	// DB is a pool of connections to the server.
	DB *sql.DB
	// BackendPID returns the process id that the server sent when a connection of DB was opened. It is nil if the
	// driver does not provide the id.
	BackendPID func(*sql.Conn) (pid int, err error)
	// New returns what Driver returns.
	New func() PostgresDriver

	table    string
	logTable string
	timeout  time.Duration
	close    func()
}

// PostgresDriver is the bus and the store of a node.
type PostgresDriver interface {
	transport.Bus
	transport.Closer
	transport.Roster
	transport.Log
	transport.LogPreparer
	transport.LogInspector
	storage.Sizer
	storage.Preparer
	storage.Sessions
}

// Driver implements Server.
func (s *Postgres) Driver() transport.Bus { return s.New() }

// Close implements Server.
func (s *Postgres) Close() {
	_ = s.DB.Close() // no transaction is open
	s.close()
}

func newPostgres(driver, where string, config postgres.Config) *Postgres {
	table := config.Table
	if table == "" {
		table = postgres.DefaultTable
	}
	return &Postgres{
		place: place{engine: "PostgreSQL", name: "PostgreSQL with " + driver + ", " + where, where: where},
		table: table, logTable: QualifiedLog(config.LogTable, table), close: func() {},
	}
}

// Table returns the name of the cluster's table.
func (f *Flags) Table() string { return f.table }
