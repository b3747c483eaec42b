package command

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/emitter"
)

// farewell bounds how long a command waits for its connections to close.
const farewell = 3 * time.Second

// send sends something as an emitter: from outside the cluster, with nobody to answer.
func send(ctx context.Context, flags *connect.Flags, to *target, do func(emitter.Target) error) error {
	server, err := flags.OpenCluster()
	if err != nil {
		return err
	}
	defer server.Close()
	driver := server.Driver()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		_ = driver.Close(closing) // what was to be sent is sent
	}()
	secret, err := flags.Secret()
	if err != nil {
		return err
	}
	e, err := emitter.New(emitter.Config{Bus: driver, Codec: flags.Codec(), ChannelPrefix: flags.Prefix, Namespace: to.nsp,
		PublishTimeout: flags.Timeout, Secret: secret})
	if err != nil {
		return usage(err)
	}
	return server.Explain(usage(do(of(e.Target, to))))
}
