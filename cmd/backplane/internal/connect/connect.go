// Package connect opens the bus that the flags of a command describe, and explains errors of the bus.
//
// # Files
//
//   - connect.go: the flags, and what they open
//   - engine.go: how flags choose an engine, which carries the messages
//   - server.go: what an engine opens; abilities.go: what only some engines can do
//   - dialect.go: the flag --dialect, and what depends on it; sharded.go: the modes of the sharded dialect;
//     streams.go: the streams of the streams dialect; channels.go: the channels of a namespace
//   - log.go: the flags for the log of nodes
//   - bridge.go: the flags for two clusters
//   - memory.go: memory as an engine
//   - postgres.go: PostgreSQL as an engine; postgresopen.go: opens a server with pgx or lib/pq;
//     postgreslog.go: its log; postgresexplain.go: adds advice to errors
//   - redis.go: Redis as an engine; redislog.go: its log; redisexplain.go: adds advice to errors
//   - nats.go: NATS as an engine; natsexplain.go: adds advice to errors; natsembedded.go: a server in this process
package connect

import (
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/internal/wire"
)

// Flags describe a bus.
type Flags struct {
	fs      *pflag.FlagSet
	engines []engine // those that can be chosen
	nodes   bool     // for a command that runs nodes
	alone   bool     // for a command that runs all nodes that there need be

	noDefault bool // the environment is not used

	driver string
	table  string
	logged string // the table of the log
	owner  string

	redisPrefix string
	nats        natsFlags

	dialect string
	mode    string // of the sharded dialect
	streams streamFlags
	codec   string
	secret  string // name of a file

	log *LogFlags // nil unless the command runs nodes

	// Prefix is the beginning of the names of the channels.
	Prefix string
	// Timeout bounds each wait for the server, and each wait for answers.
	Timeout time.Duration
}

// BindNode declares the flags of a command that runs nodes. Without a URL the nodes use memory. The environment is not
// used, because nodes write to the database: the user has to name it.
func BindNode(fs *pflag.FlagSet) *Flags { return bindNode(fs, false) }

// BindServer declares the flags of BindNode and --dialect.
func BindServer(fs *pflag.FlagSet) *Flags { return bindNode(fs, true) }

func bindNode(fs *pflag.FlagSet, hasDialect bool) *Flags {
	f := &Flags{fs: fs, alone: !hasDialect}
	f.bindEngines(true, engines...)
	if hasDialect {
		f.bindDialect()
	}
	f.bindPrefix()
	f.bindLog(fs)
	return f
}

// BindCluster declares the flags of a command that connects to an existing cluster.
func BindCluster(fs *pflag.FlagSet) *Flags {
	f := &Flags{fs: fs}
	f.bindEngines(false, engines...)
	f.bindDialect()
	f.bindCommon()
	return f
}

// bindCommon declares the flags that commands have whatever the engine and dialect is.
func (f *Flags) bindCommon() {
	f.bindPrefix()
	f.fs.StringVar(&f.secret, "secret-file", "",
		"`FILE` with the secret that signs the cluster's messages; all its bytes count, including a newline at the end")
	f.fs.StringVar(&f.codec, "codec", "json", "`CODEC` of the cluster: json, which Node.js uses, or cbor")
	f.fs.DurationVar(&f.Timeout, "timeout", 5*time.Second,
		"give up after this `TIME` without an answer from the server or from the nodes, for example 500ms or 1m")
	cli.FlagValues(f.fs, "codec", "json", "cbor")
	f.group(f.fs, "secret-file", "codec", "timeout")
}

func (f *Flags) bindPrefix() {
	f.fs.StringVar(&f.Prefix, "prefix", "socket.io", "`PREFIX` of the cluster's channels")
	f.group(f.fs, "prefix")
}

// Open returns the server that nodes of this process use. The nodes connect to it: only a server inside this process is
// started.
func (f *Flags) Open() (Server, error) {
	c, err := f.choose()
	if err != nil {
		return nil, err
	}
	if f.Prefix == "" {
		return nil, errPrefix
	}
	return c.open(f, c.source, c.url)
}

var errPrefix = &cli.UsageError{Reason: "--prefix is empty: omit it for the default, socket.io"}

// OpenCluster returns the server of an existing cluster. It does no I/O. Its drivers create nothing on it.
func (f *Flags) OpenCluster() (Server, error) {
	c, err := f.choose()
	if err != nil {
		return nil, err
	}
	switch {
	case f.Timeout <= 0:
		return nil, &cli.UsageError{Reason: "--timeout must be more than 0"}
	case f.codec != "json" && f.codec != "cbor":
		return nil, &cli.UsageError{Reason: "--codec must be json or cbor, not " + f.codec}
	case f.Prefix == "":
		return nil, errPrefix
	}
	return c.open(f, c.source, c.url)
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
