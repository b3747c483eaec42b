package command

import (
	"context"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/emitter"
)

// sendAsEmitter calls send with an emitter, which sends from outside the cluster and gets no answers.
func sendAsEmitter(ctx context.Context, flags *connect.Flags, to *target, send func(emitter.Target) error) error {
	return flags.WithDriver(ctx, func(_ *connect.Server, driver connect.Driver) error {
		secret, err := flags.Secret()
		if err != nil {
			return err
		}
		e, err := emitter.New(emitter.Config{
			Bus: driver, Codec: flags.Codec(), ChannelPrefix: flags.Prefix, Namespace: to.nsp,
			PublishTimeout: flags.Timeout, Secret: secret,
		})
		if err != nil {
			return usage(err)
		}
		return usage(send(narrow(e.Target, to)))
	})
}
