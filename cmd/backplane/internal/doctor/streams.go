package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/redis/redisdriver"
	"github.com/backplane-go/backplane/redis/streamsdriver"
	"github.com/backplane-go/backplane/transport"
)

// This file has checks for the streams dialect.

// streamRights returns what a node does with a stream. Nothing is added to it: no entry may have the id 0-0.
func (s *subject) streamRights(stream string) []right {
	command := func(name string, args ...any) right {
		try := func(ctx context.Context, _ *redisdriver.Driver, _ string) error {
			_, err := s.redis.Do(ctx, append([]any{name}, args...)...)
			if s.redis.Reply(err) != "" && !redis.IsPermissionError(err) {
				return nil // such as that there is nothing, and that the id is wrong
			}
			return err
		}
		return right{command: name, channel: stream, try: try, keys: s.redis.Stream + "*"}
	}
	return []right{
		command("xadd", stream, "0-0", "backplane", "doctor"),
		command("xread", "COUNT", 1, "STREAMS", stream, "$"),
		command("xrevrange", stream, "+", "-", "COUNT", 1),
	}
}

// streamsLogRights are the commands that the log and the sessions of the streams dialect need, as
// docs/howto/use-redis.md says.
const streamsLogRights = "+xadd +xread +xrange +xrevrange +xinfo +exists +hmget +hset +info +eval +set +get +del " +
	"+multi +exec"

// streamsLog checks that a node can read the log. Only with --log that is tried: an epoch begins when it is read first.
func (s *subject) streamsLog(ctx context.Context) finding {
	if !s.log {
		s.noLog = true
		return pass("the entries of the stream are one; whether nodes may use it is checked with --log")
	}
	return s.withStreams(ctx, func(driver *streamsdriver.Driver) finding {
		if _, err := driver.Bounds(ctx, s.channel); err != nil {
			return s.streamsFinding(err)
		}
		return pass("the entries of the stream, with all rights that a node needs")
	})
}

func (s *subject) withStreams(ctx context.Context, f func(*streamsdriver.Driver) finding) finding {
	driver := streamsdriver.NewWithConfig(s.redis.Client, *s.redis.Streams)
	defer connect.CloseDriver(ctx, driver)
	return f(driver)
}

// streamsFinding returns the finding for an error of the log or of sessions.
func (s *subject) streamsFinding(err error) finding {
	if !errors.Is(err, redisdriver.ErrDenied) {
		return s.notChecked(err)
	}
	return finding{Status: fail, Detail: s.redis.Reply(err),
		Advice: fmt.Sprintf("ACL SETUSER %s ~%s* ~%s* %s", s.redisUser(), s.redis.Stream, s.redis.Streams.SessionPrefix,
			streamsLogRights)}
}

// streamsSessions checks that the sessions of clients can be stored and taken.
func (s *subject) streamsSessions(ctx context.Context) finding {
	return s.withStreams(ctx, func(driver *streamsdriver.Driver) finding {
		key := "backplane-doctor-" + listen.RandomText()
		err := driver.PutAway(ctx, key, []byte("doctor"), s.flags.Timeout)
		if err == nil {
			_, err = driver.TakeAway(ctx, key)
		}
		if err != nil {
			return s.streamsFinding(err)
		}
		return pass("with all rights that a node needs")
	})
}

// streamsLogContents describes what the log of the namespace has.
func (s *subject) streamsLogContents(ctx context.Context) finding {
	return s.withStreams(ctx, func(driver *streamsdriver.Driver) finding {
		bounds, err := driver.Bounds(ctx, s.channel)
		if err != nil {
			return s.streamsFinding(err)
		}
		records, err := driver.Replay(ctx, s.channel, transport.Position{Epoch: bounds.Epoch, Offset: bounds.Trimmed},
			transport.ReadLimit{Records: 1})
		if err != nil {
			return s.notChecked(err)
		}
		span := "nothing is kept"
		if len(records) > 0 { // ids begin with the time in milliseconds
			oldest := time.UnixMilli(int64(records[0].Offset.Major))
			span = fmt.Sprintf("messages of the last %v are kept", time.Since(oldest).Round(time.Second))
		}
		return pass("epoch %s; %s in %s; entries of a stream: up to about %d", bounds.Epoch, span, s.nsp,
			s.redis.Streams.MaxLen)
	})
}
