package connect

import (
	"crypto/rand"
	"encoding/hex"
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
			"sharded (createShardedAdapter); --prefix is their key or channelPrefix")
	cli.FlagValues(f.fs, "dialect", dialectNames()...)
	f.group(f.fs, "dialect")
	f.bindMode()
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
	without := f.facts().without
	for _, name := range []string{"table", "table-owner", "log-table", "redis-prefix", "secret-file", "codec"} {
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
	if f.Sharded() {
		return redissharded.Dialect{Mode: f.shardedMode()}
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

// Channels returns the channels that a node of a namespace listens to.
func (f *Flags) Channels(nsp string) ([]string, error) {
	channels, _, err := f.channels(nsp)
	return channels, err
}

// Watched returns what to listen to for the messages of a namespace. If its nodes are the listeners of a channel, these
// are names for several channels (transport.PrefixName), so that the listener is not counted as a node.
func (f *Flags) Watched(nsp string) ([]string, error) {
	channels, counted, err := f.channels(nsp)
	if counted {
		for i, channel := range channels {
			prefix, _ := transport.CutPrefixName(channel)
			channels[i] = transport.PrefixName(prefix)
		}
	}
	return channels, err
}

// Shown returns names of channels as they are shown: "a*" stands for those whose names begin with a.
func Shown(names ...string) []string {
	shown := make([]string, 0, len(names))
	for _, name := range names {
		if prefix, many := transport.CutPrefixName(name); many {
			name = prefix + "*"
		}
		shown = append(shown, name)
	}
	return shown
}

// OwnChannel returns a random name of a channel for messages that a command sends to itself, and to which nobody else
// listens. Where names may be long, it is one that everybody may use who may use the channels of the cluster.
func (f *Flags) OwnChannel() string {
	var b [8]byte
	rand.Read(b[:]) // never fails, see its documentation
	prefix := "backplane"
	if c, err := f.choose(); err == nil && c.facts().channel == 0 {
		prefix = f.Prefix
	}
	return prefix + "-watch#" + hex.EncodeToString(b[:]) // those of namespaces have a "/" after the "#"
}

// channels returns the channels of a namespace, and whether its nodes are the listeners of one of them.
func (f *Flags) channels(nsp string) (channels []string, counted bool, err error) {
	c, err := f.choose()
	if err != nil {
		return nil, false, err
	}
	limits := transport.Limits{Channel: c.facts().channel}
	w, err := f.Dialect().Open(dialect.Options{Prefix: f.Prefix, Limits: limits})
	if err != nil {
		return nil, false, err
	}
	route, err := w.Namespace(nsp, codec.EmitterUID)
	if err != nil {
		return nil, false, err
	}
	_, counted = w.(dialect.Counted)
	return route.Listen(), counted, nil
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
