// Package connect makes the bus that a command's flags name, and says what to do when it cannot be used.
package connect

import (
	"flag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// Flags name a bus.
type Flags struct {
	url    string
	driver string
	table  string
}

// Bind declares the flags. None of them has a default from the environment: what a command writes to is named by who
// calls it.
func Bind(fs *flag.FlagSet) *Flags {
	f := new(Flags)
	fs.StringVar(&f.url, "postgres", "", "go over the PostgreSQL at `URL` instead of memory, such as\n"+
		"postgres://user:password@localhost:5432/database")
	fs.StringVar(&f.driver, "driver", "", "`NAME` of the PostgreSQL driver: pgx (the default) or pq")
	fs.StringVar(&f.table, "table", "", "`TABLE` for large payloads, created if it is missing\n(default "+
		postgres.DefaultTable+")")
	return f
}

// Backend is a bus that several nodes share.
type Backend struct {
	// Name says what it is, without secrets.
	Name string
	// Bus returns the bus of one more node.
	Bus func() transport.Bus

	close func()
	where string // the server, empty in memory
}

// Close frees what the nodes shared, once they are closed.
func (b *Backend) Close() { b.close() }

// Open makes the backend. It does no I/O: whether the server can be reached is found out by the nodes.
func (f *Flags) Open() (*Backend, error) {
	switch {
	case f.url == "" && f.driver != "":
		return nil, &cli.UsageError{Reason: "--driver needs --postgres URL"}
	case f.url == "" && f.table != "":
		return nil, &cli.UsageError{Reason: "--table needs --postgres URL"}
	case f.url == "":
		hub := memory.NewHub()
		return &Backend{Name: "the in-memory bus", Bus: func() transport.Bus { return hub }, close: func() {}}, nil
	}
	if f.table != "" {
		if _, err := postgres.QuoteTable(f.table); err != nil {
			return nil, &cli.UsageError{Reason: "--table: " + err.Error()}
		}
	}
	config := postgres.Config{Table: f.table}
	switch f.driver {
	case "", "pgx":
		return openPgx(f.url, config)
	case "pq":
		return openPq(f.url, config)
	}
	return nil, &cli.UsageError{Reason: "--driver is pgx or pq, not " + f.driver}
}
