package redisdriver

import (
	"errors"

	"github.com/backplane-go/backplane/redis/internal/server"
)

// The errors of a driver. They wrap the server's own error, if there is one.
var (
	// ErrDisconnected means that the connection was lost. The server does not say why it closes one: it was shut
	// down, CLIENT KILL or a change of the ACL has ended it, or the client has read so slowly that its output buffer
	// was full.
	ErrDisconnected = server.ErrDisconnected
	// ErrMoved means that another server has the channels now: the node of a Redis Cluster does not serve them any
	// more, or Sentinel has named another primary. The next connection goes there.
	ErrMoved = server.ErrMoved
	// ErrReplica means that the server is a replica. Messages that were published there may be lost.
	ErrReplica = server.ErrReplica
	// ErrDown means that the node of the Redis Cluster is cut off from the others, so that another one may have taken
	// over, or that some slots have no node.
	ErrDown = server.ErrDown
	// ErrDenied means that the user's ACL does not allow the command, the channel or the key.
	ErrDenied = server.ErrDenied
	// ErrAuth means that the server does not accept the user and password of the client.
	ErrAuth = server.ErrAuth
	// ErrMode means that the client is not one for this kind of server.
	ErrMode = server.ErrMode
	// ErrVersion means that the server is too old.
	ErrVersion = server.ErrVersion
	// ErrClient means that the driver cannot find out from the client where to connect.
	ErrClient = server.ErrClient
	// ErrTooLarge means that a payload is larger than Config.MaxPayload.
	ErrTooLarge = errors.New("redisdriver: the payload is too large")
	// ErrUnwritable means that the server refuses to keep anything: its memory (maxmemory) or its disk is full, or it
	// has too few replicas (min-replicas-to-write). Nothing was sent.
	ErrUnwritable = server.ErrUnwritable
	// ErrRawNames means that a driver with Config.RawNames has no log and no sessions.
	ErrRawNames = errors.New("redisdriver: a log, and recovery on any node, need the driver's own names of channels: " +
		"leave RawNames off")
	// ErrPrefix means that a session cannot listen to a prefix of names. See Driver.ListensToPrefixes.
	ErrPrefix = errors.New("redisdriver: there are no patterns for sharded channels: use RawNames without Sharded")
)
