package connect

import (
	"slices"
	"strings"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/dialect/redisclassic"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// The dialects, by the values of --dialect.
const (
	standardDialect = "standard"
	legacyDialect   = "legacy"
	classicDialect  = "classic"
	shardedDialect  = "sharded"
	streamsDialect  = "streams"
)

// dialectFacts are what the commands depend on.
type dialectFacts struct {
	name    string
	dialect dialect.Dialect
	// counts: the nodes are counted at once. In other dialects they announce themselves.
	counts bool
	// foreign: the names of channels are those of other programs, without a prefix of the driver.
	foreign bool
	// named: all nodes say who they are when they answer.
	named bool
	// without says why flags have no effect.
	without map[string]string
}

var dialects = []dialectFacts{
	{name: standardDialect, dialect: standard.Dialect{}},
	{
		name: legacyDialect, dialect: legacy.Dialect{}, counts: true,
		without: map[string]string{
			"table":       "sends large messages in pieces, without a table",
			"table-owner": "sends large messages in pieces, without a table",
			"log-table":   "has no log",
			"log":         "has no log",
			"secret-file": "has no signed messages",
			"codec":       "has its own codec",
		},
	},
	{
		name: classicDialect, dialect: redisclassic.Dialect{}, counts: true, foreign: true,
		without: withoutForeign,
	},
	{
		name: shardedDialect, dialect: redissharded.Dialect{}, counts: true, foreign: true, named: true,
		without: withoutForeign,
	},
	{
		name: streamsDialect, dialect: redisstreams.Dialect{}, counts: true, foreign: true, named: true,
		without: map[string]string{
			"redis-prefix": withoutForeign["redis-prefix"],
			"secret-file":  withoutForeign["secret-file"],
			"codec":        withoutForeign["codec"],
			"log-age":      "keeps entries up to --max-len",
			"log-bytes":    "keeps entries up to --max-len",
		},
	},
}

// withoutForeign are the flags that have no effect among the servers of @socket.io/redis-adapter.
var withoutForeign = map[string]string{
	"redis-prefix": "has no other prefix than --prefix",
	"log":          "has no log",
	"secret-file":  "has no signed messages",
	"codec":        "has its own codec",
}

// dialectNames returns the values of --dialect.
func dialectNames() (names []string) {
	for _, d := range dialects {
		names = append(names, d.name)
	}
	return names
}

// orList joins names with commas and "or".
func orList(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (f *Flags) bindDialect() {
	f.fs.StringVar(&f.dialect, "dialect", standardDialect,
		"wire format of the cluster: `NAME` is standard, legacy for servers of Socket.IO 2 with "+
			"socket.io-adapter-postgres, or, for servers with @socket.io/redis-adapter, classic (createAdapter) or "+
			"sharded (createShardedAdapter), or streams for those with @socket.io/redis-streams-adapter; "+
			"--prefix is their key or channelPrefix")
	cli.FlagValues(f.fs, "dialect", dialectNames()...)
	f.group(f.fs, "dialect")
	f.bindMode()
	f.bindStreams()
}

// facts returns those of the cluster's dialect. Without --dialect it is the standard one.
func (f *Flags) facts() dialectFacts {
	for _, d := range dialects {
		if d.name == f.dialect {
			return d
		}
	}
	return dialects[0]
}

// checkDialect validates --dialect, and the flags that do not go with it.
func (f *Flags) checkDialect() error {
	names := dialectNames()
	if f.dialect != "" && !slices.Contains(names, f.dialect) {
		return &cli.UsageError{Reason: "--dialect must be " + orList(names) + ", not " + f.dialect}
	}
	if err := f.checkMode(); err != nil {
		return err
	}
	if err := f.checkStreams(); err != nil {
		return err
	}
	without := f.facts().without
	for _, name := range []string{
		"table", "table-owner", "log-table", "redis-prefix", "secret-file", "codec", "log-age", "log-bytes",
	} {
		if reason := without[name]; reason != "" && f.fs.Changed(name) {
			return f.Needless(name, reason)
		}
	}
	return nil
}

// CheckLog returns the error of --log if the cluster's dialect has no log.
func (f *Flags) CheckLog() error {
	if reason := f.facts().without["log"]; reason != "" {
		return f.Needless("log", reason)
	}
	return nil
}

// Legacy reports whether the cluster has the legacy dialect.
func (f *Flags) Legacy() bool { return f.dialect == legacyDialect }

// Counts reports whether the nodes of the cluster are counted at once, and do not announce themselves.
func (f *Flags) Counts() bool { return f.facts().counts }

// Needless returns the error of a flag that has no effect in the cluster's dialect. reason follows the name of the
// dialect.
func (f *Flags) Needless(flag, reason string) error {
	return &cli.UsageError{Reason: "--" + flag + ": the " + f.dialect + " dialect " + reason + ": omit it"}
}

// Unsupported returns the error of an operation for which the cluster's dialect has no message. hint says what can be
// used instead.
func (f *Flags) Unsupported(op, hint string) error {
	err := &fault.UnsupportedError{Op: op, Dialect: f.dialect, Hint: hint}
	return &cli.UsageError{Reason: strings.TrimPrefix(err.Error(), "backplane: ")}
}

// Named reports whether all nodes say who they are when they answer.
func (f *Flags) Named() bool { return f.facts().named }

// DialectFlag returns the flag for the cluster's dialect and a space, for advice. It is empty for the standard one.
func (f *Flags) DialectFlag() string {
	if f.facts().name == standardDialect {
		return ""
	}
	return " --dialect " + f.dialect
}

// Dialect returns the dialect of the cluster.
func (f *Flags) Dialect() dialect.Dialect {
	switch {
	case f.Sharded():
		return redissharded.Dialect{Mode: f.shardedMode()}
	case f.Streams():
		return f.streamsDialect()
	}
	return f.facts().dialect
}

// Codec returns the codec of the cluster, nil for that of the dialect.
func (f *Flags) Codec() codec.Codec {
	switch {
	case f.facts().without["codec"] != "":
		return nil
	case f.codec == "cbor":
		return cbor.Codec{}
	}
	return jsonmsgpack.Codec{}
}

// Wire returns the encoder and decoder for the messages of the cluster.
func (f *Flags) Wire(bus transport.Bus) (*wire.Wire, error) {
	secret, err := f.Secret()
	if err != nil {
		return nil, err
	}
	config := wire.Config{Dialect: f.Dialect(), Prefix: f.Prefix, Codec: f.Codec(), Bus: bus, Limits: bus.Limits(),
		Secrets: [][]byte{secret}}
	if store := StoreOf(bus); store != nil {
		config.Store = store
	}
	return wire.New(config)
}

// Types returns the types of the messages that nodes of the cluster send in a namespace.
func (f *Flags) Types() []codec.Type { return typesOf(f.facts()) }

// AllTypes returns the types of the messages of all dialects.
func AllTypes() (types []codec.Type) {
	for _, d := range dialects {
		types = append(types, typesOf(d)...)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

func typesOf(d dialectFacts) (types []codec.Type) {
	w, err := d.dialect.Open(dialect.Options{Prefix: "socket.io"})
	if err != nil {
		panic(err) // a dialect refuses its defaults
	}
	for kind := codec.InitialHeartbeat; kind <= codec.SocketChanged; kind++ {
		own := d.counts && kind == codec.Heartbeat                        // the process sends it itself
		if w.Carries(kind) && !own && kind != codec.SocketRoomsResponse { // which is read as another type
			types = append(types, kind)
		}
	}
	return types
}
