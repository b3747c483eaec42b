package command

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/emitter"
)

// closeTimeout bounds the time in which a command closes its connections.
const closeTimeout = 3 * time.Second

// sendAsEmitter calls send with an emitter, which sends from outside the cluster and gets no answers.
func sendAsEmitter(ctx context.Context, flags *connect.Flags, to *target, send func(emitter.Target) error) error {
	server, err := flags.OpenCluster()
	if err != nil {
		return err
	}
	defer server.Close()
	driver := server.Driver()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = driver.Close(closing) // everything was sent
	}()
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
	return server.Explain(usage(send(narrow(e.Target, to))))
}
