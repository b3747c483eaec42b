package redisdriver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// PrepareLog implements transport.LogPreparer. It tries each command that the log needs, on keys of its own, and begins
// the first epoch. Its error names the command and the key that the ACL denies (ErrDenied).
func (d *Driver) PrepareLog(ctx context.Context) error {
	return d.try(ctx, d.metaKey(), "HMGET HSET HINCRBY HGET ZRANGE ZADD ZREM XADD XRANGE XREVRANGE XTRIM UNLINK DEL",
		d.readCall("", transport.Position{}, "", 0, 0))
}

// PrepareSessions implements storage.Sessions. It tries each command that sessions need, on keys of its own. Its error
// names the command and the key that the ACL denies (ErrDenied).
func (d *Driver) PrepareSessions(ctx context.Context) error {
	return d.try(ctx, d.sessionsKey(), "HSET HGET HMGET HDEL PEXPIRE PERSIST SADD SREM SCARD SMEMBERS SRANDMEMBER "+
		"ZADD ZREM ZRANGEBYSCORE UNLINK", d.sessionsCall(ownersScript, ""))
}

// tries are the arguments of commands that change nothing but keys of their own. KEY is what these begin with.
var tries = map[string]string{
	"XADD": "KEY.stream * a b", "XRANGE": "KEY.stream - + COUNT 1", "XREVRANGE": "KEY.stream + - COUNT 1",
	"XTRIM": "KEY.stream MINID 1", "HSET": "KEY.hash a 1", "HINCRBY": "KEY.hash a 1", "HGET": "KEY.hash a",
	"HMGET": "KEY.hash a", "HDEL": "KEY.hash b", "PEXPIRE": "KEY.hash 60000", "PERSIST": "KEY.hash",
	"ZADD": "KEY.scores 1 a", "ZREM": "KEY.scores b", "ZRANGE": "KEY.scores 0 0",
	"ZRANGEBYSCORE": "KEY.scores 0 0", "SADD": "KEY.set a", "SREM": "KEY.set b", "SCARD": "KEY.set",
	"SMEMBERS": "KEY.set", "SRANDMEMBER": "KEY.set 1", "DEL": "KEY.hash",
	"UNLINK": "KEY.stream KEY.hash KEY.scores KEY.set", "EVAL": "return{} 1 KEY", "INFO": "replication", "TIME": "",
}

// try calls commands, whose names are separated by spaces, with keys that begin with a key, and then a script.
func (d *Driver) try(ctx context.Context, key, commands string, then *call) error {
	if err := d.checkLog(); err != nil {
		return err
	}
	over, err := d.readers.Take(ctx)
	if err != nil {
		return err
	}
	defer d.readers.Give(over)
	key += ".probe"
	for redirects := 0; ; redirects++ {
		err := over.Do(ctx, func(conn *broker.Conn) error {
			for _, name := range strings.Fields("INFO TIME EVAL " + commands) {
				args := strings.Fields(strings.ReplaceAll(tries[name], "KEY", "\x00"))
				for i := range args {
					args[i] = strings.ReplaceAll(args[i], "\x00", key)
				}
				if _, err := ask(conn, resp.AppendCommand(nil, append([]string{name}, args...)...)); err != nil {
					return tried(name, key, err)
				}
			}
			if _, err := evaluate(conn, then); err != nil {
				return tried("EVALSHA", strings.Join(then.keys, " "), err)
			}
			publish := d.command("PUBLISH")
			if _, err := ask(conn, resp.AppendCommand(nil, publish, d.headerChannel(), "")); err != nil {
				return tried(publish, d.headerChannel(), err)
			}
			return nil
		})
		d.primary.Lost(err)
		if redirects < maxRedirects && errors.Is(err, ErrMoved) {
			continue
		}
		if rejected := new(transport.RejectedError); errors.As(err, &rejected) {
			return rejected.Err
		}
		return err
	}
}

// tried adds a command and a key to its error. A *transport.RejectedError stays one, so that the connection is kept.
func tried(command, key string, err error) error {
	if rejected := new(transport.RejectedError); errors.As(err, &rejected) {
		rejected.Err = fmt.Errorf("redisdriver: %s %q: %w", command, key, rejected.Err)
		return rejected
	}
	return fmt.Errorf("redisdriver: %s %q: %w", command, key, err)
}
