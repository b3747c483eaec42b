package server

import (
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/internal/resp"
)

// The errors of package redisdriver, which documents them.
var (
	ErrDisconnected = errors.New("redisdriver: the connection to the server was lost; if that repeats, look " +
		"into the server's log, for client-output-buffer-limit too")
	ErrMoved   = errors.New("redisdriver: another server has the channels now, after a failover or a resharding")
	ErrReplica = errors.New("redisdriver: the server is a replica: connect to the primary, through Sentinel if it " +
		"may change, without ReplicaOnly")
	ErrDown = errors.New("redisdriver: the node of the Redis Cluster is cut off from the others, or some slots have " +
		"no node")
	ErrDenied = errors.New("redisdriver: the ACL of the user denies this: it needs the commands publish, subscribe " +
		"and unsubscribe (spublish, ssubscribe, sunsubscribe on a Redis Cluster), and the channels &{backplane}*, " +
		"with the prefix of the driver's Config; docs/howto/use-redis.md " +
		"says what a log and sessions need")
	ErrUnwritable = errors.New("redisdriver: the server refuses to keep anything: look at maxmemory and " +
		"maxmemory-policy, at its disk and log, and at min-replicas-to-write")
	ErrAuth = errors.New("redisdriver: the server does not accept the Username and Password of the client")
	ErrMode = errors.New("redisdriver: use redis.NewClusterClient for a Redis Cluster, redis.NewFailoverClient for " +
		"a Sentinel, and redis.NewClient for a single server")
	ErrVersion = errors.New("redisdriver: the server has to be Redis 6.2 or later with HELLO 3, and 7.0 or later in " +
		"a Redis Cluster")
	ErrClient = errors.New("redisdriver: the client has to be a *redis.Client or a *redis.ClusterClient")
)

// Disconnected is the error of a connection that does not work any more.
func Disconnected(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrDisconnected, err)
}

// scriptDenied begins the reply to a script that calls a command which its user may not. It has no code of its own.
const scriptDenied = "ERR The user executing the script "

// Refused says what an error reply means.
func Refused(err error) error {
	var reply *resp.Error
	if !errors.As(err, &reply) {
		return err
	}
	var meaning error
	switch reply.Code() {
	case "MOVED", "ASK", "TRYAGAIN": // with the last two, a slot is moving
		meaning = ErrMoved
	case "READONLY":
		meaning = ErrReplica
	case "OOM", "MISCONF", "NOREPLICAS":
		meaning = ErrUnwritable
	case "CLUSTERDOWN":
		meaning = ErrDown
	case "NOPERM":
		meaning = ErrDenied
	case "NOAUTH", "WRONGPASS":
		meaning = ErrAuth
	case "NOPROTO", "NOREPLID":
		meaning = ErrVersion
	default:
		if !strings.HasPrefix(reply.Text, scriptDenied) {
			return err
		}
		meaning = ErrDenied
	}
	return fmt.Errorf("%w: %w", meaning, err)
}

// redirection returns the address to which the server redirects: "MOVED 866 127.0.0.1:7001". It is empty if the error
// is another one, and if the server does not know the address.
func redirection(err error) string {
	var reply *resp.Error
	if !errors.As(err, &reply) || reply.Code() != "MOVED" {
		return ""
	}
	address := reply.Text[strings.LastIndexByte(reply.Text, ' ')+1:]
	if strings.HasPrefix(address, ":") || strings.HasPrefix(address, "?") {
		return ""
	}
	return address
}

func isWrongServer(err error) bool {
	return errors.Is(err, ErrMoved) || errors.Is(err, ErrReplica) || errors.Is(err, ErrDown)
}
