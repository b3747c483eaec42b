// Package connect opens the bus that the flags of a command describe, and explains errors of the bus.
//
// # Files
//
//   - connect.go: the flags, and what they open
//   - server.go: a PostgreSQL server, behind one of the drivers
//   - postgres.go: opens a server with pgx or lib/pq
//   - explain.go: adds advice to errors
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

// Flags describe a bus.
type Flags struct {
	url    string
	driver string
	table  string
	owner  string
	codec  string
	secret string // name of a file

	// Prefix is the beginning of the names of the channels.
	Prefix string
	// Timeout bounds each wait for the database, and each wait for answers.
	Timeout time.Duration
}

// environment is the environment variable with the URL of the database. It is used if the flag --postgres is not
// set.
const environment = "DATABASE_URL"

// BindNode declares the flags of a command that runs nodes. Without --postgres the nodes use memory. The environment is
// not used, because nodes write to the database: the user has to name it.
func BindNode(fs *pflag.FlagSet) *Flags {
	f := new(Flags)
	fs.StringVar(&f.url, "postgres", "", "connect the nodes through the PostgreSQL database at `URL` "+
		"(postgres://user:password@localhost:5432/database) instead of memory")
	f.bindDriver(fs)
	f.bindPrefix(fs)
	fs.StringVar(&f.table, "table", "",
		"`TABLE` for large payloads, which is created if it does not exist (default "+postgres.DefaultTable+")")
	f.bindOwner(fs)
	cli.GroupFlags(fs, "Cluster", "postgres", "driver", "prefix", "table", "table-owner")
	return f
}

// BindCluster declares the flags of a command that connects to an existing cluster.
func BindCluster(fs *pflag.FlagSet) *Flags {
	f := new(Flags)
	fs.StringVar(&f.url, "postgres", "", "`URL` of the cluster's database "+
		"(postgres://user:password@localhost:5432/database; default: the environment variable "+environment+")")
	f.bindDriver(fs)
	f.bindPrefix(fs)
	fs.StringVar(&f.table, "table", postgres.DefaultTable,
		"the cluster's `TABLE` for large payloads: name or schema.name")
	f.bindOwner(fs)
	fs.StringVar(&f.secret, "secret-file", "",
		"`FILE` with the secret that signs the cluster's messages; all its bytes count, including a newline at the end")
	fs.StringVar(&f.codec, "codec", "json", "`CODEC` of the cluster: json, which Node.js uses, or cbor")
	fs.DurationVar(&f.Timeout, "timeout", 5*time.Second,
		"give up after this `TIME` without an answer from the database or from the nodes, for example 500ms or 1m")
	cli.FlagValues(fs, "codec", "json", "cbor")
	cli.GroupFlags(fs, "Connection",
		"postgres", "driver", "prefix", "table", "table-owner", "secret-file", "codec", "timeout")
	return f
}

func (f *Flags) bindPrefix(fs *pflag.FlagSet) {
	fs.StringVar(&f.Prefix, "prefix", "socket.io", "`PREFIX` of the cluster's channels")
}

func (f *Flags) bindOwner(fs *pflag.FlagSet) {
	fs.StringVar(&f.owner, "table-owner", "", "accept a table that this other `ROLE` owns")
}

func (f *Flags) bindDriver(fs *pflag.FlagSet) {
	fs.StringVar(&f.driver, "driver", "", "PostgreSQL driver to use: `NAME` is pgx (the default) or pq")
	cli.FlagValues(fs, "driver", "pgx", "pq")
}

// Backend connects the nodes of one process.
type Backend struct {
	// Name describes the backend without secrets. Short is a shorter description.
	Name, Short string
	// Bus returns a bus for another node.
	Bus func() transport.Bus

	server *Server // nil: in memory
}

// Close closes what the nodes share. Call it after all nodes are closed.
func (b *Backend) Close() {
	if b.server != nil {
		b.server.Close()
	}
}

// Explain adds advice to an error of a node, if there is advice for it.
func (b *Backend) Explain(err error) error {
	if b.server == nil {
		return err
	}
	return b.server.Explain(err)
}

// Open returns the backend. It does no I/O: the nodes connect to the server.
func (f *Flags) Open() (*Backend, error) {
	switch {
	case f.url == "" && f.driver != "":
		return nil, &cli.UsageError{Reason: "--driver needs --postgres URL"}
	case f.url == "" && f.table != "":
		return nil, &cli.UsageError{Reason: "--table needs --postgres URL"}
	case f.url == "" && f.owner != "":
		return nil, &cli.UsageError{Reason: "--table-owner needs --postgres URL"}
	case f.Prefix == "":
		return nil, &cli.UsageError{Reason: "--prefix is empty: omit it for the default, socket.io"}
	case f.url == "":
		hub := memory.NewHub()
		const name = "the in-memory bus"
		return &Backend{Name: name, Short: name, Bus: func() transport.Bus { return hub }}, nil
	}
	server, err := f.open("--postgres", f.url, postgres.Config{Table: f.table, TableOwner: f.owner})
	if err != nil {
		return nil, err
	}
	bus := func() transport.Bus { return server.Driver() }
	return &Backend{Name: server.Name, Short: "PostgreSQL", Bus: bus, server: server}, nil
}

// OpenCluster returns the server of an existing cluster. It does no I/O. Its drivers do not create the table.
func (f *Flags) OpenCluster() (*Server, error) {
	source, dsn := "--postgres", f.url
	if dsn == "" {
		source, dsn = environment, os.Getenv(environment)
	}
	switch {
	case dsn == "":
		return nil, &cli.UsageError{Reason: "no database: give --postgres URL or set " + environment}
	case f.Timeout <= 0:
		return nil, &cli.UsageError{Reason: "--timeout must be more than 0"}
	case f.codec != "json" && f.codec != "cbor":
		return nil, &cli.UsageError{Reason: "--codec must be json or cbor, not " + f.codec}
	case f.Prefix == "":
		return nil, &cli.UsageError{Reason: "--prefix is empty: omit it for the default, socket.io"}
	case f.table == "":
		return nil, &cli.UsageError{Reason: "--table is empty: omit it for the default, " + postgres.DefaultTable}
	}
	server, err := f.open(source, dsn, postgres.Config{Table: f.table, TableOwner: f.owner, NoAutoCreate: true})
	if err != nil {
		return nil, err
	}
	server.timeout = f.Timeout
	return server, nil
}

// open returns the server at dsn. source is the flag or variable that dsn comes from.
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
	return nil, &cli.UsageError{Reason: "--driver must be pgx or pq, not " + f.driver}
}

// Codec returns the codec of the cluster.
func (f *Flags) Codec() codec.Codec {
	if f.codec == "cbor" {
		return cbor.Codec{}
	}
	return jsonmsgpack.Codec{}
}

// Secret returns the secret that signs the messages of the cluster, or nil if they are not signed.
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

// Wire returns the encoder and decoder for the messages of the cluster. store holds large messages; it may be nil.
func (f *Flags) Wire(limits transport.Limits, store wire.Store) (*wire.Wire, error) {
	secret, err := f.Secret()
	if err != nil {
		return nil, err
	}
	return wire.New(wire.Config{Codec: f.Codec(), Store: store, Limits: limits, Secrets: [][]byte{secret}}), nil
}

// Table returns the name of the cluster's table.
func (f *Flags) Table() string { return f.table }
