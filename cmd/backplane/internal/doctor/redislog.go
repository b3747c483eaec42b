package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

// logRights are the commands that a log and sessions need, as docs/howto/use-redis.md says.
const logRights = "+eval +evalsha +info +time +hget +hmget +hset +hdel +hincrby +zadd +zrem +zrange +zrangebyscore " +
	"+xadd +xrange +xrevrange +xtrim +sadd +srem +scard +smembers +srandmember +pexpire +persist +del +unlink"

// redisLog checks that a node can use the log. Without --log, a server without one is all right.
func redisLog(ctx context.Context, s *subject) finding {
	if s.redis.Streams != nil {
		return s.streamsLog(ctx)
	}
	if s.redis.Config.RawNames {
		s.noLog = true
		return pass("this dialect has none")
	}
	has, err := s.redis.HasLog(ctx)
	switch {
	case s.log: // it is begun below
	case redis.IsPermissionError(err):
		s.noLog = true
		return pass("not known, because the user may not run HGET; only nodes with a log need it")
	case err != nil:
		return s.notChecked(err)
	case !has:
		s.noLog = true
		return pass("not begun; only nodes with a log need it")
	}
	return s.withRedis(ctx, func(driver *redisdriver.Driver) finding {
		if err := driver.PrepareLog(ctx); err != nil {
			return s.logFinding(err)
		}
		return pass("%s, with all rights that a node needs", s.redis.LogKey())
	})
}

func (s *subject) withRedis(ctx context.Context, f func(*redisdriver.Driver) finding) finding {
	driver := s.redis.New()
	defer connect.CloseDriver(ctx, driver)
	return f(driver)
}

// logFinding returns the finding for an error of PrepareLog or PrepareSessions.
func (s *subject) logFinding(err error) finding {
	if !errors.Is(err, redisdriver.ErrDenied) {
		return s.notChecked(err)
	}
	// The driver says which command and key, then what the server has replied.
	what, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "redisdriver: "), ": redisdriver: ")
	return finding{Status: fail, Detail: what + ": " + s.redis.Reply(err),
		Advice: fmt.Sprintf("ACL SETUSER %s ~%s* %s", s.redisUser(), s.redis.ChannelName(""), logRights)}
}

// redisSessions checks that the sessions of clients can be stored.
func redisSessions(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	if s.redis.Streams != nil {
		return s.streamsSessions(ctx)
	}
	return s.withRedis(ctx, func(driver *redisdriver.Driver) finding {
		if err := driver.PrepareSessions(ctx); err != nil {
			return s.logFinding(err)
		}
		return pass("with all rights that a node needs")
	})
}

// redisLogContents describes what the log has.
func redisLogContents(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	if s.redis.Streams != nil {
		return s.streamsLogContents(ctx)
	}
	return s.withRedis(ctx, func(driver *redisdriver.Driver) finding {
		info, err := driver.InspectLog(ctx, s.flags.Prefix+"#")
		switch {
		case errors.Is(err, redisdriver.ErrDenied):
			return pass("not known, because the user may not run HGETALL and MEMORY USAGE; nodes do not need that")
		case err != nil:
			return s.notChecked(err)
		}
		return ageOf(info)
	})
}

// redisEviction warns if the server may remove messages from the log when its memory is full.
func redisEviction(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	reply, err := s.redis.Do(ctx, "INFO", "memory")
	if err != nil {
		return pass("not known, because the user may not run INFO")
	}
	memory := make(map[string]string)
	for line := range strings.Lines(fmt.Sprint(reply)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		memory[name] = value
	}
	policy, most := memory["maxmemory_policy"], memory["maxmemory"]
	switch {
	case most == "" || most == "0":
		return pass("the server has no limit of memory (maxmemory)")
	case policy != "noeviction":
		return finding{Status: warn,
			Detail: fmt.Sprintf("the server may remove the log when its memory is full: maxmemory-policy %s", policy),
			Advice: "CONFIG SET maxmemory-policy noeviction, and Config.Log.MaxBytes well below maxmemory"}
	}
	return pass("none; maxmemory is %s bytes, and MaxBytes of the log has to be well below that", most)
}

// redisLogNodes asks the nodes of the namespace whether they have a log.
func redisLogNodes(ctx context.Context, s *subject) finding {
	if s.noLog {
		return pass("not needed without a log")
	}
	if s.redis.Streams != nil {
		return pass("all have one: whatever any node adds to the stream is kept")
	}
	return logNodes(ctx, s)
}
