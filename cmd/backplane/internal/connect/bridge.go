package connect

import (
	"cmp"
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// BridgeFlags describe two clusters.
type BridgeFlags struct {
	*Flags

	other     *Flags // of the flags that begin with otherPrefix
	legacyKey string
	legacyURL string
}

// End is one of the clusters of a bridge.
type End struct {
	*Flags
	Server
	// Name says which one it is.
	Name string
}

// otherPrefix begins the names of the flags for the second cluster.
const otherPrefix = "other-"

// BindBridge declares the flags of a command that connects to two clusters.
func BindBridge(fs *pflag.FlagSet) *BridgeFlags {
	second := pflag.NewFlagSet("", pflag.ContinueOnError)
	b := &BridgeFlags{Flags: BindCluster(fs), other: BindCluster(second)}
	second.VisitAll(func(f *pflag.Flag) {
		if f.Name == "timeout" { // one for both
			return
		}
		values := f.Annotations
		copied := *f
		copied.Name, copied.Annotations = otherPrefix+f.Name, nil
		value, _ := pflag.UnquoteUsage(f)
		copied.Usage = "`" + value + "`: as --" + f.Name
		fs.AddFlag(&copied)
		cli.CopyValues(fs, copied.Name, values)
		cli.GroupFlags(fs, "The other cluster", copied.Name)
	})
	fs.StringVar(&b.legacyURL, "legacy-postgres", "",
		"`URL` of the database of the servers of Socket.IO 2 (default: that of the cluster)")
	fs.StringVar(&b.legacyKey, "legacy-prefix", "socket.io",
		"`KEY` of the servers of Socket.IO 2: the option key of socket.io-adapter-postgres")
	cli.GroupFlags(fs, "Cluster of Socket.IO 2", "legacy-postgres", "legacy-prefix")
	return b
}

// OpenBoth returns the clusters, the other one first. It does no I/O. Without a flag for the server of the other
// cluster, that is one of Socket.IO 2.
func (b *BridgeFlags) OpenBoth() (other, own End, err error) {
	second := false
	b.other.fs.VisitAll(func(f *pflag.Flag) {
		f.Changed = b.fs.Changed(otherPrefix + f.Name)
		second = second || f.Changed
	})
	if own, err = b.openOwn(second); err != nil {
		return End{}, End{}, err
	}
	if second {
		other, err = b.openOther()
	} else {
		other, err = b.openLegacy(own.Server)
	}
	if err != nil {
		own.Close()
		return End{}, End{}, err
	}
	return other, own, nil
}

// openOwn opens the first cluster. second: the other one is not of Socket.IO 2.
func (b *BridgeFlags) openOwn(second bool) (End, error) {
	server, err := b.OpenCluster()
	if err != nil {
		return End{}, err
	}
	_, isPostgres := server.(*Postgres)
	switch {
	case second:
	case !isPostgres:
		err = &cli.UsageError{Reason: "give the server of the other cluster, for example with --other-postgres URL"}
	case b.dialect != standardDialect:
		err = &cli.UsageError{Reason: "--dialect " + b.dialect + ": the bridge to Socket.IO 2 joins a cluster of the " +
			"standard dialect: omit it, or give the server of the other cluster, for example with --other-postgres URL"}
	case b.legacyKey == "":
		err = &cli.UsageError{Reason: "--legacy-prefix is empty: omit it for the default, socket.io"}
	}
	if err != nil {
		server.Close()
		return End{}, err
	}
	return End{Flags: b.Flags, Server: server, Name: "the cluster"}, nil
}

// openOther opens the cluster that the flags with otherPrefix describe.
func (b *BridgeFlags) openOther() (End, error) {
	for _, flag := range []string{"legacy-postgres", "legacy-prefix"} {
		if b.fs.Changed(flag) {
			reason := "--" + flag + ": the other cluster is not one of Socket.IO 2: omit it"
			return End{}, &cli.UsageError{Reason: reason}
		}
	}
	b.other.Timeout, b.other.noDefault = b.Timeout, true
	server, err := b.other.OpenCluster()
	var usage *cli.UsageError
	if errors.As(err, &usage) {
		err = &cli.UsageError{Reason: strings.ReplaceAll(usage.Reason, "--", "--"+otherPrefix)}
	}
	return End{Flags: b.other, Server: server, Name: "the other cluster"}, err
}

// openLegacy opens the cluster of Socket.IO 2, which may be on the server of the other one.
func (b *BridgeFlags) openLegacy(own Server) (End, error) {
	choice, err := b.choose()
	if err != nil {
		return End{}, err
	}
	flags := BindCluster(pflag.NewFlagSet("", pflag.ContinueOnError))
	flags.dialect, flags.Prefix, flags.Timeout, flags.driver = legacyDialect, b.legacyKey, b.Timeout, b.driver
	if err := flags.fs.Set("postgres", cmp.Or(b.legacyURL, choice.url)); err != nil {
		return End{}, err
	}
	end := End{Flags: flags, Server: own, Name: "Socket.IO 2"}
	if b.legacyURL != "" {
		end.Server, err = flags.OpenCluster()
	}
	var usage *cli.UsageError
	if errors.As(err, &usage) {
		err = &cli.UsageError{Reason: strings.ReplaceAll(usage.Reason, "--postgres", "--legacy-postgres")}
	}
	return end, err
}
