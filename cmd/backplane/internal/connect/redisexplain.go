package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

// Explain implements Server.
func (s *Redis) Explain(err error) error {
	var usage *cli.UsageError
	switch {
	case err == nil, errors.As(err, &usage):
		return err
	case errors.Is(err, backplane.ErrNoLoopback):
		return fmt.Errorf(`%s: a message that was sent did not come back; run "backplane doctor" to find out why`,
			s.where)
	}
	if reason := s.Reason(err); reason != "" {
		return fmt.Errorf("%s: %s", s.where, reason)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "backplane: "))
}

// Reason returns what an error of the driver means and what to do, or an empty text for other errors.
func (s *Redis) Reason(err error) string {
	var network *net.OpError
	var op *backplane.OpError
	reply := s.Reply(err)
	switch {
	case errors.Is(err, redisdriver.ErrAuth), redis.IsAuthError(err):
		return reply + ": check the user and password in the URL"
	case errors.Is(err, redisdriver.ErrDenied), redis.IsPermissionError(err):
		return reply + ": " + s.denied(err)
	case errors.Is(err, redisdriver.ErrReplica):
		return "this server is a replica: give the URL of the primary, or of Sentinel with ?master_name=NAME"
	case errors.Is(err, redisdriver.ErrMode):
		return s.wrongMode()
	case errors.Is(err, context.DeadlineExceeded) && s.timeout > 0:
		return fmt.Sprintf("no answer within %v: check that %s is at that address, or increase --timeout", s.timeout,
			s.expected)
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer: check that " + s.expected + " is at that address"
	case errors.Is(err, redisdriver.ErrDisconnected), errors.Is(err, redisdriver.ErrMoved),
		errors.Is(err, redisdriver.ErrDown), errors.Is(err, redisdriver.ErrVersion),
		errors.Is(err, redisdriver.ErrTooLarge), errors.Is(err, redisdriver.ErrUnwritable):
		if errors.As(err, &op) {
			err = op.Err
		}
		return strings.TrimPrefix(err.Error(), "redisdriver: ")
	case errors.As(err, &network):
		return network.Error() + ": check that the server runs and that the address in the URL is right"
	case reply != "" && s.Mode == RedisCluster:
		return reply + ": with addr in the URL, the server has to be a node of a Redis Cluster, and the user needs " +
			"the command cluster|slots"
	}
	return reply
}

// denied says what is missing in the ACL, as far as the error says so.
func (s *Redis) denied(err error) string {
	user, on := s.User, ""
	if user == "" {
		user = "default"
	}
	var op *backplane.OpError
	if errors.As(err, &op) && op.Channel != "" {
		on = fmt.Sprintf(" for %q", Shown(op.Channel)[0])
	}
	return fmt.Sprintf(`the ACL of the user %q does not allow it%s; "backplane doctor" lists the rights that are `+
		`missing`, user, on)
}

// wrongMode says how the URL has to be.
func (s *Redis) wrongMode() string {
	if s.Mode != RedisServer {
		return "the URL is one for " + s.Mode.String() + ", which this server is not"
	}
	return "this is no single server: add ?addr=HOST:PORT of another node to the URL of a Redis Cluster, and " +
		"?master_name=NAME to that of Sentinel"
}

// Reply returns the text of an error that the server has sent, or an empty text.
func (s *Redis) Reply(err error) string {
	var reply redis.Error
	if errors.As(err, &reply) {
		return reply.Error()
	}
	return ""
}
