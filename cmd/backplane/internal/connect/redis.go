package connect

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/redis/streamsdriver"
	"github.com/backplane-go/backplane/transport"
)

// redisEngine is Redis: one server, Sentinel or a Redis Cluster.
type redisEngine struct{}

func (redisEngine) facts() facts {
	return facts{
		name: "Redis", flag: "redis",
		dialects: []string{standardDialect, classicDialect, shardedDialect, streamsDialect},
		flags:    []string{"redis-prefix"}, log: true,
	}
}

// defaultRedisPrefix is that of redisdriver.Config.
const defaultRedisPrefix = "backplane"

func (e redisEngine) bind(f *Flags, _ bool) {
	f.bindURL(e, "Redis server", "redis://user:password@localhost:6379, or rediss:// with TLS; "+
		"a Redis Cluster: ?addr=HOST:PORT of another node; Sentinel: ?master_name=NAME")
	f.fs.StringVar(&f.redisPrefix, "redis-prefix", defaultRedisPrefix,
		"`PREFIX` of the cluster's channels on a Redis server that it shares with others, before that of --prefix")
	f.group(f.fs, "redis", "redis-prefix")
}

func (e redisEngine) open(f *Flags, source, text string) (Server, error) {
	if f.redisPrefix == "" {
		return nil, &cli.UsageError{Reason: "--redis-prefix is empty: omit it for the default, " + defaultRedisPrefix}
	}
	s := &Redis{
		Config:  redisdriver.Config{Prefix: f.redisPrefix, RawNames: f.facts().foreign, Sharded: f.Sharded()},
		Streams: f.streamsConfig(),
		timeout: f.Timeout,
	}
	if err := s.parse(text); err != nil {
		return nil, badRedisURL(source, err)
	}
	if s.Streams != nil {
		if s.Mode == RedisCluster {
			return nil, &cli.UsageError{Reason: source + ": the streams dialect does not work on a Redis Cluster"}
		}
		s.Stream = f.StreamName()
	}
	redis.SetLogger(&logging.VoidLogger{}) // go-redis logs each connection that it cannot open
	s.place = place{engine: e.facts().name, name: s.Mode.String() + ", " + s.where, where: s.where}
	return s, nil
}

// Redis is a Redis server, Sentinel or a Redis Cluster.
type Redis struct {
	place
	// Mode is what the URL says about the server.
	Mode RedisMode
	// User is the name of the user, empty for the default one.
	User string
	// Client is the client for commands. The buses use their own connections.
	Client redis.UniversalClient
	// Config is that of the driver, and of what publishes beside streams.
	Config redisdriver.Config
	// Streams is the configuration of the driver of the streams dialect, nil in another one. Stream is the name of the
	// stream, or what the names of several begin with.
	Streams *streamsdriver.Config
	Stream  string

	expected string        // what the URL says to be at the address
	timeout  time.Duration // 0: unknown
}

// RedisMode is a kind of Redis.
type RedisMode int

// The kinds of Redis.
const (
	RedisServer RedisMode = iota + 1
	RedisSentinel
	RedisCluster
)

func (m RedisMode) String() string {
	switch m {
	case RedisSentinel:
		return "Redis with Sentinel"
	case RedisCluster:
		return "a Redis Cluster"
	}
	return "Redis"
}

// Attempts to connect: the timeout of the command limits how long it tries, and the cluster tries again by itself.
const (
	noRetries    = -1
	oneDial      = 1
	noBackground = 1 // connection in the pool, which few commands use
)

// parse finds out from the URL what the server is, and creates its client: with master_name it is Sentinel, with addr a
// Redis Cluster, otherwise one server.
func (s *Redis) parse(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	s.expected = "a Redis server"
	if u.Scheme == "rediss" {
		s.expected += " with TLS"
	}
	query := u.Query()
	for _, address := range query["addr"] { // they are shown, so they have no user and password
		if _, port, _ := strings.Cut(address, ":"); strings.Contains(address, "@") || port == "" {
			return errors.New("redis: addr must be HOST:PORT")
		}
	}
	switch {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(text)
		if err != nil {
			return err
		}
		if o.MasterName == "" {
			return errors.New("redis: unexpected option: master_name without a value")
		}
		o.MaxRetries, o.DialerRetries, o.PoolSize = noRetries, oneDial, noBackground
		s.Mode, s.User, s.Client = RedisSentinel, o.Username, redis.NewFailoverClient(o)
		s.where = o.MasterName + " of " + strings.Join(o.SentinelAddrs, ", ")
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(text)
		if err != nil {
			return err
		}
		o.MaxRetries, o.DialerRetries, o.PoolSize = noRetries, oneDial, noBackground
		s.Mode, s.User, s.Client = RedisCluster, o.Username, redis.NewClusterClient(o)
		s.where = strings.Join(o.Addrs, ", ")
	default:
		o, err := redis.ParseURL(text)
		if err != nil {
			return err
		}
		o.MaxRetries, o.DialerRetries, o.PoolSize = noRetries, oneDial, noBackground
		s.Mode, s.User, s.Client = RedisServer, o.Username, redis.NewClient(o)
		s.where = o.Addr
	}
	return nil
}

// badRedisURL returns the error for an invalid URL. Of the text of go-redis it uses only what cannot have a part of the
// password: the names of options.
func badRedisURL(source string, err error) error {
	if _, names, found := strings.Cut(err.Error(), "unexpected option: "); found {
		return &cli.UsageError{Reason: source + ": there is no option " + names}
	}
	return &cli.UsageError{Reason: source + " must be a URL like redis://user:password@localhost:6379, with special " +
		"characters of the password encoded, such as %40 for @ and %2F for /, and known options with valid values"}
}

// Driver implements Server.
func (s *Redis) Driver() transport.Bus {
	if s.Streams != nil {
		return streamsdriver.NewWithConfig(s.Client, *s.Streams)
	}
	return s.New()
}

// New returns what Driver returns, but never one of streams.
func (s *Redis) New() *redisdriver.Driver { return redisdriver.NewWithConfig(s.Client, s.Config) }

// Close implements Server.
func (s *Redis) Close() { _ = s.Client.Close() } // no command is running

// Do sends a command to the server, of a Redis Cluster to the node that has the channels.
func (s *Redis) Do(ctx context.Context, args ...any) (any, error) {
	cluster, ok := s.Client.(*redis.ClusterClient)
	if !ok {
		return s.Client.Do(ctx, args...).Result()
	}
	node, err := cluster.MasterForKey(ctx, s.ChannelName(""))
	if err != nil {
		return nil, err
	}
	return node.Do(ctx, args...).Result()
}

// ChannelNode returns the address of the node of a Redis Cluster that has the channels.
func (s *Redis) ChannelNode(ctx context.Context) (string, error) {
	cluster, ok := s.Client.(*redis.ClusterClient)
	if !ok {
		return s.where, nil
	}
	node, err := cluster.MasterForKey(ctx, s.ChannelName(""))
	if err != nil {
		return "", err
	}
	return node.Options().Addr, nil
}

// ChannelName returns the name of a channel on the server. See redisdriver.Config.
func (s *Redis) ChannelName(channel string) string {
	if s.Config.RawNames {
		return channel
	}
	return "{" + strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D").Replace(s.Config.Prefix) + "}" + channel
}

// Command returns the name of a command of publish/subscribe, which differs for sharded channels.
func (s *Redis) Command(name string) string {
	if s.Config.Sharded || s.Mode == RedisCluster && !s.Config.RawNames {
		return "s" + name
	}
	return name
}
