package command

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/transport"
)

// keepFlags are the flags of a command that can keep what it sends in the log of the cluster.
type keepFlags struct {
	fs  *pflag.FlagSet
	on  bool
	age time.Duration
}

func bindKeep(fs *pflag.FlagSet) *keepFlags {
	k := &keepFlags{fs: fs}
	fs.BoolVar(&k.on, "log", false, "keep it in the log of the cluster, as nodes with a log do")
	fs.DurationVar(&k.age, "log-age", 2*time.Minute, "how long the nodes keep messages, if that is not the default: "+
		"large messages are stored for twice this `TIME`")
	return k
}

// check returns an error if the flags have no effect. unkept says why nothing would be kept; it is empty otherwise.
func (k *keepFlags) check(flags *connect.Flags, unkept string) error {
	switch {
	case k.on && flags.Streams():
		return flags.Needless("log", "keeps all events without an acknowledgement")
	case k.on && flags.CheckLog() != nil:
		return flags.CheckLog()
	case k.on && unkept != "":
		return &cli.UsageError{Reason: "--log: " + unkept}
	case k.on && k.age <= 0:
		return &cli.UsageError{Reason: "--log-age must be more than 0"}
	case !k.on && k.fs.Changed("log-age"):
		return &cli.UsageError{Reason: "--log-age requires --log"}
	}
	return nil
}

// sendAsEmitter calls send with an emitter, which sends from outside the cluster and gets no answers.
func sendAsEmitter(
	ctx context.Context, flags *connect.Flags, to *target, keep *keepFlags, send func(emitter.Target) error,
) error {
	return flags.WithDriver(ctx, func(server connect.Server, bus transport.Bus) error {
		secret, err := flags.Secret()
		if err != nil {
			return err
		}
		config := emitter.Config{
			Bus: bus, Codec: flags.Codec(), Dialect: flags.Dialect(), ChannelPrefix: flags.Prefix,
			Namespace: to.nsp, PublishTimeout: flags.Timeout, Secret: secret,
		}
		if keep.on {
			if err := connect.RequireLog(ctx, server); err != nil {
				return err
			}
			config.Log = &emitter.LogConfig{MaxAge: keep.age}
		}
		e, err := emitter.New(config)
		if err != nil {
			return usage(err)
		}
		return usage(send(narrow(e.Target, to)))
	})
}
