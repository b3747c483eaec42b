// Package connect makes the bus that a command's flags name, and says what to do when it cannot be used.
package connect

import (
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// Flags name a bus.
type Flags struct {
	url    string
	driver string
	table  string
	owner  string
	codec  string
	secret string // the name of a file

	// Prefix starts the names of the channels.
	Prefix string
	// Timeout bounds each wait for the server, and for answers.
	Timeout time.Duration
}

// environment is the variable that names the database when no flag does.
const environment = "DATABASE_URL"

// BindNode declares the flags of a command that runs nodes, and does without a database if none is named. None of them
// has a default from the environment: what such a command writes to is named by who calls it.
func BindNode(fs *pflag.FlagSet) *Flags {
	f := new(Flags)
	fs.StringVar(&f.url, "postgres", "", "go over the PostgreSQL at `URL` instead of memory, such as "+
		"postgres://user:password@localhost:5432/database")
	f.bindDriver(fs)
	fs.StringVar(&f.Prefix, "prefix", "socket.io", "`PREFIX` of the cluster's channels")
	fs.StringVar(&f.table, "table", "", "`TABLE` for large payloads, created if it is missing (default "+postgres.DefaultTable+")")
	fs.StringVar(&f.owner, "table-owner", "", "another `ROLE` that may own the table")
	cli.GroupFlags(fs, "Cluster", "postgres", "driver", "prefix", "table", "table-owner")
	return f
}

// BindCluster declares the flags of a command that goes to a cluster.
func BindCluster(fs *pflag.FlagSet) *Flags {
	f := new(Flags)
	fs.StringVar(&f.url, "postgres", "", "`URL` of the cluster's database, such as "+
		"postgres://user:password@localhost:5432/database (default: the variable "+environment+")")
	f.bindDriver(fs)
	fs.StringVar(&f.Prefix, "prefix", "socket.io", "`PREFIX` of the cluster's channels")
	fs.StringVar(&f.table, "table", postgres.DefaultTable, "the cluster's `TABLE` for large payloads, name or schema.name")
	fs.StringVar(&f.owner, "table-owner", "", "another `ROLE` that may own that table")
	fs.StringVar(&f.secret, "secret-file", "", "`FILE` with the secret that the cluster's messages are signed with, every byte of it")
	fs.StringVar(&f.codec, "codec", "json", "`CODEC` of the cluster: json, which Node.js speaks, or cbor")
	fs.DurationVar(&f.Timeout, "timeout", 5*time.Second, "how long to wait for the database, and then for answers: `TIME` such as 500ms or 1m")
	cli.FlagValues(fs, "codec", "json", "cbor")
	cli.GroupFlags(fs, "Connection", "postgres", "driver", "prefix", "table", "table-owner", "secret-file", "codec", "timeout")
	return f
}

func (f *Flags) bindDriver(fs *pflag.FlagSet) {
	fs.StringVar(&f.driver, "driver", "", "`NAME` of the PostgreSQL driver: pgx (the default) or pq")
	cli.FlagValues(fs, "driver", "pgx", "pq")
}

// Backend is the bus of the nodes of one process.
type Backend struct {
	// Name says what it is, without secrets, and Short in few words.
	Name, Short string
	// Bus returns the bus of one more node.
	Bus func() transport.Bus

	server *Server // nil in memory
}

// Close frees what the nodes shared, once they are closed.
func (b *Backend) Close() {
	if b.server != nil {
		b.server.Close()
	}
}

// Explain adds to an error of a node what to do about it, where that is known.
func (b *Backend) Explain(err error) error {
	if b.server == nil {
		return err
	}
	return b.server.Explain(err)
}

// Open makes the backend. It does no I/O: whether the server can be reached is found out by the nodes.
func (f *Flags) Open() (*Backend, error) {
	switch {
	case f.url == "" && f.driver != "":
		return nil, &cli.UsageError{Reason: "--driver needs --postgres URL"}
	case f.url == "" && f.table != "":
		return nil, &cli.UsageError{Reason: "--table needs --postgres URL"}
	case f.url == "" && f.owner != "":
		return nil, &cli.UsageError{Reason: "--table-owner needs --postgres URL"}
	case f.Prefix == "":
		return nil, &cli.UsageError{Reason: "--prefix is empty: leave it out for socket.io"}
	case f.url == "":
		hub := memory.NewHub()
		return &Backend{Name: "the in-memory bus", Short: "the in-memory bus", Bus: func() transport.Bus { return hub }}, nil
	}
	server, err := f.open("--postgres", f.url, postgres.Config{Table: f.table, TableOwner: f.owner})
	if err != nil {
		return nil, err
	}
	return &Backend{Name: server.Name, Short: "PostgreSQL", Bus: func() transport.Bus { return server.Driver() }, server: server}, nil
}

// OpenCluster returns the server of a cluster. It does no I/O. The cluster's table will not be created.
func (f *Flags) OpenCluster() (*Server, error) {
	source, dsn := "--postgres", f.url
	if dsn == "" {
		source, dsn = environment, os.Getenv(environment)
	}
	switch {
	case dsn == "":
		return nil, &cli.UsageError{Reason: "which database? Give --postgres URL, or set " + environment}
	case f.Timeout <= 0:
		return nil, &cli.UsageError{Reason: "--timeout must be more than 0"}
	case f.codec != "json" && f.codec != "cbor":
		return nil, &cli.UsageError{Reason: "--codec is json or cbor, not " + f.codec}
	case f.Prefix == "":
		return nil, &cli.UsageError{Reason: "--prefix is empty: leave it out for socket.io"}
	case f.table == "":
		return nil, &cli.UsageError{Reason: "--table is empty: leave it out for " + postgres.DefaultTable}
	}
	server, err := f.open(source, dsn, postgres.Config{Table: f.table, TableOwner: f.owner, NoAutoCreate: true})
	if err != nil {
		return nil, err
	}
	server.timeout = f.Timeout
	return server, nil
}

// open returns the server that dsn names; source says where dsn comes from.
func (f *Flags) open(source, dsn string, config postgres.Config) (*Server, error) {
	if config.Table != "" {
		if _, err := postgres.QuoteTable(config.Table); err != nil {
			return nil, &cli.UsageError{Reason: "--table: " + err.Error()}
		}
	}
	switch f.driver {
	case "", "pgx":
		return openPgx(source, dsn, config)
	case "pq":
		return openPq(source, dsn, config)
	}
	return nil, &cli.UsageError{Reason: "--driver is pgx or pq, not " + f.driver}
}

// Codec is the cluster's.
func (f *Flags) Codec() codec.Codec {
	if f.codec == "cbor" {
		return cbor.Codec{}
	}
	return jsonmsgpack.Codec{}
}

// Secret is what the cluster's messages are signed with, nil if they are not.
func (f *Flags) Secret() ([]byte, error) {
	if f.secret == "" {
		return nil, nil
	}
	secret, err := os.ReadFile(f.secret)
	if err == nil {
		err = wire.CheckSecrets(secret, nil)
	}
	if err != nil {
		return nil, &cli.UsageError{Reason: "--secret-file: " + err.Error()}
	}
	return secret, nil
}

// Wire encodes and decodes the messages of the cluster. The store, if not nil, takes large ones.
func (f *Flags) Wire(limits transport.Limits, store wire.Store) (*wire.Wire, error) {
	secret, err := f.Secret()
	if err != nil {
		return nil, err
	}
	return wire.New(wire.Config{Codec: f.Codec(), Store: store, Limits: limits, Secrets: [][]byte{secret}}), nil
}

// Table is the cluster's table.
func (f *Flags) Table() string { return f.table }
