package server

import (
	"context"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/auth"

	"github.com/backplane-go/backplane/internal/resp"
)

// greeting returns the command with which a connection begins.
func greeting(ctx context.Context, o *redis.Options) (hello []byte, err error) {
	user, password := o.Username, o.Password
	switch {
	case o.StreamingCredentialsProvider != nil:
		credentials, unsubscribe, err := o.StreamingCredentialsProvider.Subscribe(new(unheard))
		if err != nil {
			return nil, err
		}
		if err := unsubscribe(); err != nil {
			return nil, err
		}
		user, password = credentials.BasicAuth()
	case o.CredentialsProviderContext != nil:
		if user, password, err = o.CredentialsProviderContext(ctx); err != nil {
			return nil, err
		}
	case o.CredentialsProvider != nil:
		user, password = o.CredentialsProvider()
	}
	args := []string{"HELLO", "3"}
	if password != "" {
		if user == "" {
			user = "default"
		}
		args = append(args, "AUTH", user, password)
	}
	if o.ClientName != "" {
		args = append(args, "SETNAME", o.ClientName)
	}
	return resp.AppendCommand(nil, args...), nil
}

// unheard does not want to hear of new credentials: each connection asks for its own.
type unheard struct{ _ byte } // not empty, so that each has its own address

func (*unheard) OnNext(auth.Credentials) {}
func (*unheard) OnError(error)           {}
