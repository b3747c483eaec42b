package connect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// The orders of a log, by the values of --log-order.
const (
	clusterOrder = "cluster"
	localOrder   = "local"
)

// LogFlags describe the log of the nodes that a command runs.
type LogFlags struct {
	fs    *pflag.FlagSet
	on    bool
	order string
	age   time.Duration
	bytes int64
}

// bindLog declares the flags of LogFlags.
func (f *Flags) bindLog(fs *pflag.FlagSet) {
	l := &LogFlags{fs: fs}
	f.log = l
	fs.BoolVar(&l.on, "log", false, "keep the messages, so that no node and no client misses any; "+
		"give it to all nodes of the cluster")
	fs.StringVar(&l.order, "log-order", clusterOrder, "`ORDER` in which the node's own clients get its messages: "+
		"cluster, as on all other nodes, or local, at once")
	fs.DurationVar(&l.age, "log-age", 0,
		"keep messages for at least this `TIME` (default 2m0s, but a minute longer than --recover)")
	fs.Int64Var(&l.bytes, "log-bytes", defaultLogBytes, "keep at most this many `BYTES`")
	cli.FlagValues(fs, "log-order", clusterOrder, localOrder)
	f.bindLogTable(fs)
	cli.GroupFlags(fs, "Log", "log", "log-order", "log-age", "log-bytes", "log-table")
}

// NeverTrims returns the configuration of a log for a command. Only the nodes know how long to keep messages: a command
// removes none.
func NeverTrims() *backplane.LogConfig {
	return &backplane.LogConfig{MaxAge: 100 * 365 * 24 * time.Hour, MaxBytes: math.MaxInt64}
}

// The defaults of backplane.LogConfig.
const (
	defaultLogAge   = 2 * time.Minute
	defaultLogBytes = 1 << 30
)

// moreThanRecovery is how much longer than the time of --recover messages are kept: a client may return from the
// position at which its session was stored last.
const moreThanRecovery = time.Minute

// Log returns the configuration of the log of nodes that use a server, nil without --log. The messages are kept for
// longer than the time of recover, in which clients can be recovered.
func (f *Flags) Log(server Server, recover time.Duration) (*backplane.LogConfig, error) {
	l := f.log
	if !l.on {
		for _, name := range []string{"log-order", "log-age", "log-bytes"} {
			if l.fs.Changed(name) {
				return nil, &cli.UsageError{Reason: "--" + name + " requires --log"}
			}
		}
		return nil, nil
	}
	if err := f.CheckLog(); err != nil {
		return nil, err
	}
	if _, err := LogOf(server, server.Driver()); err != nil { // the bus has not connected
		return nil, err
	}
	switch {
	case !slices.Contains([]string{clusterOrder, localOrder}, l.order):
		return nil, &cli.UsageError{Reason: "--log-order must be cluster or local, not " + l.order}
	case l.fs.Changed("log-age") && l.age <= 0 || l.bytes <= 0:
		return nil, &cli.UsageError{Reason: "--log-age and --log-bytes must be more than 0"}
	case l.fs.Changed("log-age") && l.age < recover:
		return nil, &cli.UsageError{Reason: fmt.Sprintf("--log-age %v is shorter than --recover %v: "+
			"a client that comes back could not get what it has missed", l.age, recover)}
	}
	if l.age == 0 {
		l.age = defaultLogAge
		if recover > 0 {
			l.age = max(l.age, recover+moreThanRecovery)
		}
	}
	config := &backplane.LogConfig{MaxAge: l.age, MaxBytes: l.bytes}
	if l.order == localOrder {
		config.Order = backplane.OrderLocalFirst
	}
	return config, nil
}
