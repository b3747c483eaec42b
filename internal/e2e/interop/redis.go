package interop

import (
	"context"
	"encoding/json"
	"time"
)

// RedisOptions are the options of a peer on Redis. Zero means the package's default.
type RedisOptions struct {
	// Port is that of a Redis server on this machine. Required.
	Port int
	// Client is the package that connects to it: NodeRedis by default, IORedis, NodeRedisCluster or IORedisCluster.
	Client string
	// Key is the first part of all channel names.
	Key             string
	RequestsTimeout time.Duration
	// SpecificResponses is publishOnSpecificResponseChannel.
	SpecificResponses bool
	// Sharded is the subscriptionMode of a sharded adapter: "static", "dynamic" or "dynamic-private". If it is empty,
	// the adapter is a classic one.
	Sharded string
	// Stream, StreamCount and MaxLen are streamName, streamCount and maxLen of a RedisStreams peer.
	Stream      string
	StreamCount int
	MaxLen      int
	// IDs is a text from which all ids are derived. Peers with the same text and the same calls have the same ids. By
	// default ids are random.
	IDs string
}

// The packages that connect to Redis.
const (
	NodeRedis = "node-redis"
	IORedis   = "ioredis"
	// NodeRedisCluster and IORedisCluster are for a node of a Redis Cluster.
	NodeRedisCluster = "node-redis-cluster"
	IORedisCluster   = "ioredis-cluster"
)

// arg is the value for redis.js.
func (o RedisOptions) arg() any {
	return struct {
		Port              int    `json:"port"`
		Client            string `json:"client,omitempty"`
		Key               string `json:"key,omitempty"`
		RequestsTimeout   int64  `json:"requestsTimeout,omitempty"`
		SpecificResponses bool   `json:"specificResponses,omitempty"`
		Sharded           string `json:"sharded,omitempty"`
		Stream            string `json:"stream,omitempty"`
		StreamCount       int    `json:"streamCount,omitempty"`
		MaxLen            int    `json:"maxLen,omitempty"`
		IDs               string `json:"ids,omitempty"`
	}{o.Port, o.Client, o.Key, o.RequestsTimeout.Milliseconds(), o.SpecificResponses, o.Sharded, o.Stream,
		o.StreamCount, o.MaxLen, o.IDs}
}

// DecodeRedis reads a message as @socket.io/redis-adapter does. Only peers on Redis have it. Values that JSON does not
// have are in the format of ../nodejs/lines.js.
func (p *Peer) DecodeRedis(ctx context.Context, message []byte) (json.RawMessage, error) {
	var out struct{ Decoded string }
	err := p.call(ctx, "decode", map[string][]byte{"raw": message}, &out)
	return json.RawMessage(out.Decoded), err
}
