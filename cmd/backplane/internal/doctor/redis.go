package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
)

// redisChecks are those for Redis.
var redisChecks = []check{
	{"connection", redisConnection, ""},
	{"server", redisVersion, "connection"},
	{"mode", redisMode, "connection"},
	{"primary", redisPrimary, "mode"},
	{"rights", redisRights, "primary"},
	{"messages", loopback, "rights"},
	{"output buffer", redisBuffer, "connection"},
	{"log", redisLog, "rights"},
	{"sessions", redisSessions, "log"},
	{"log contents", redisLogContents, "log"},
	{"eviction", redisEviction, "log"},
	{"log nodes", redisLogNodes, "log"},
	{"nodes", askedNodes, "messages"},
}

// redisConnection checks whether the server can be reached with the user and password.
func redisConnection(ctx context.Context, s *subject) finding {
	start := time.Now()
	reply, err := s.redis.Do(ctx, "HELLO") // which every user may send
	if err != nil {
		reason := s.redis.Reason(err)
		if reason == "" {
			reason = err.Error()
		}
		return finding{Status: fail, Detail: s.redis.Where() + ": " + reason,
			Advice: "fix the connection; the other checks need it"}
	}
	s.hello = pairs(reply)
	return pass("%s as %q, after %s", s.redis.Where(), s.redisUser(), milliseconds(time.Since(start)))
}

func (s *subject) redisUser() string {
	if s.redis.User == "" {
		return "default"
	}
	return s.redis.User
}

// pairs returns a reply with keys and values, which is a map in version 3 of the protocol and a list in version 2.
func pairs(reply any) map[string]string {
	all := make(map[string]string)
	switch reply := reply.(type) {
	case map[any]any:
		for key, value := range reply {
			all[fmt.Sprint(key)] = fmt.Sprint(value)
		}
	case []any:
		for i := 0; i+1 < len(reply); i += 2 {
			all[fmt.Sprint(reply[i])] = fmt.Sprint(reply[i+1])
		}
	}
	return all
}

// redisVersion checks that the server is new enough.
func redisVersion(_ context.Context, s *subject) finding {
	text, least := s.hello["version"], [2]int{6, 2}
	if s.redis.Mode == connect.RedisCluster || s.redis.Config.Sharded {
		least = [2]int{7, 0}
	}
	parts := append(strings.Split(text, "."), "0")
	major, err := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if errors.Join(err, err2) == nil && (major < least[0] || major == least[0] && minor < least[1]) {
		return finding{Status: fail, Detail: fmt.Sprintf("%s %s is too old", s.hello["server"], text),
			Advice: fmt.Sprintf("upgrade it to %d.%d or later", least[0], least[1])}
	}
	return pass("%s %s", s.hello["server"], text)
}

// redisMode checks that the URL is one for this kind of server.
func redisMode(ctx context.Context, s *subject) finding {
	switch mode := s.hello["mode"]; {
	case mode == "sentinel":
		return finding{Status: fail, Detail: "this is a Sentinel, and the URL is one for " + s.redis.Mode.String(),
			Advice: "add ?master_name=NAME to the URL; its user and password are then those of Sentinel"}
	case mode == "cluster" && s.redis.Mode != connect.RedisCluster:
		return finding{Status: fail, Detail: "this is a node of a Redis Cluster, and the URL is one for " +
			s.redis.Mode.String(), Advice: "add ?addr=HOST:PORT of another node to the URL, once or more often"}
	}
	switch s.redis.Mode {
	case connect.RedisCluster:
		if s.redis.Config.Sharded {
			return pass("a Redis Cluster, each node of which has some of the channels")
		}
		if s.redis.Config.RawNames {
			return pass("a Redis Cluster, all nodes of which pass on each message")
		}
		node, err := s.redis.ChannelNode(ctx)
		if err != nil {
			return s.notChecked(err)
		}
		return pass("a Redis Cluster, whose node %s has the channels %s*", node, s.redis.ChannelName(""))
	case connect.RedisSentinel:
		return pass("the server that Sentinel names")
	}
	return pass("one server")
}

// redisPrimary detects replicas: what is published there reaches only the clients of that replica.
func redisPrimary(_ context.Context, s *subject) finding {
	if role := s.hello["role"]; role != "master" {
		return finding{Status: fail,
			Detail: "this server is a " + role + ": its primary does not get what is sent here",
			Advice: "give the URL of the primary, or of Sentinel with ?master_name=NAME"}
	}
	return pass("this is the primary")
}

// leastBuffer is what may at least wait for a listener, in bytes: two of the largest messages.
const leastBuffer = 16 << 20

// redisBuffer checks how much may wait for a listener before the server disconnects it.
func redisBuffer(ctx context.Context, s *subject) finding {
	const name = "client-output-buffer-limit"
	reply, err := s.redis.Do(ctx, "CONFIG", "GET", name)
	if err != nil {
		return pass("its limit is not known, because the user may not run CONFIG GET; the default is 32 MiB")
	}
	fields := strings.Fields(pairs(reply)[name])
	for i := 0; i+3 < len(fields); i += 4 {
		if fields[i] == "pubsub" {
			return judgeBuffer(fields[i+1], fields[i+2], fields[i+3])
		}
	}
	return pass("the server does not tell its limit")
}

// judgeBuffer judges the limits of what waits for a listener: at once, and for some seconds.
func judgeBuffer(hard, soft, seconds string) finding {
	atOnce, err := strconv.ParseInt(hard, 10, 64)
	longer, err2 := strconv.ParseInt(soft, 10, 64)
	switch {
	case errors.Join(err, err2) != nil:
		return pass("its limit is %s %s %s", hard, soft, seconds)
	case atOnce == 0 && longer == 0:
		return finding{Status: warn, Detail: "there is no limit to what waits for a listener that does not read",
			Advice: `CONFIG SET client-output-buffer-limit "pubsub 32mb 8mb 60", so that one that hangs does not fill ` +
				"the memory of the server"}
	case atOnce != 0 && atOnce < leastBuffer:
		return finding{Status: warn,
			Detail: fmt.Sprintf("a listener is disconnected when %d KiB wait for it, and messages may have 8 MiB",
				atOnce>>10),
			Advice: `raise the limit: CONFIG SET client-output-buffer-limit "pubsub 32mb 8mb 60"`}
	}
	f := "a listener is disconnected when %d KiB wait for it, or %d KiB for %s s; 0: never"
	return pass(f, atOnce>>10, longer>>10, seconds)
}
