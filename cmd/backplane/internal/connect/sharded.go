package connect

import (
	"slices"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/dialect/redissharded"
)

// shardedModes are the values of --subscription-mode. The first one is the default, as in Node.js.
var shardedModes = []redissharded.Mode{redissharded.Dynamic, redissharded.DynamicPrivate, redissharded.Static}

func (f *Flags) bindMode() {
	f.fs.StringVar(&f.mode, "subscription-mode", shardedModes[0].String(),
		"subscriptionMode of all servers of the sharded dialect: `MODE` is "+orList(modeNames()))
	cli.FlagValues(f.fs, "subscription-mode", modeNames()...)
	f.group(f.fs, "subscription-mode")
}

func modeNames() (names []string) {
	for _, mode := range shardedModes {
		names = append(names, mode.String())
	}
	return names
}

// checkMode validates --subscription-mode.
func (f *Flags) checkMode() error {
	switch {
	case f.dialect == "":
		return nil
	case f.dialect != shardedDialect && f.fs.Changed("subscription-mode"):
		return &cli.UsageError{Reason: "--subscription-mode needs --dialect " + shardedDialect}
	case !slices.Contains(modeNames(), f.mode):
		return &cli.UsageError{Reason: "--subscription-mode must be " + orList(modeNames()) + ", not " + f.mode}
	}
	return nil
}

// Sharded reports whether the cluster has the sharded dialect.
func (f *Flags) Sharded() bool { return f.dialect == shardedDialect }

// shardedMode returns the mode of the sharded dialect.
func (f *Flags) shardedMode() redissharded.Mode {
	return shardedModes[max(0, slices.Index(modeNames(), f.mode))] // which checkMode has validated
}

// CheckRecover returns an error if clients cannot be recovered in the cluster's dialect. recover is the value of
// --recover.
func (f *Flags) CheckRecover(recover time.Duration) error {
	if recover > 0 && f.Sharded() && f.shardedMode() != redissharded.Static {
		return &cli.UsageError{Reason: "--recover needs --subscription-mode " + redissharded.Static.String() +
			": in other modes a node does not get the events of rooms in which it has no client"}
	}
	return nil
}
