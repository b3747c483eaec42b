package connect

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

var _ logServer = (*Redis)(nil)

// LogKey returns the key of what the server knows about the log. Each stream of the streams dialect has another one.
func (s *Redis) LogKey() string { return s.ChannelName("log") }

// HasLog reports whether nodes have begun a log on the server. A stream always is one.
func (s *Redis) HasLog(ctx context.Context) (bool, error) {
	if s.Streams != nil {
		return true, nil
	}
	if s.Config.RawNames {
		return false, nil
	}
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	_, err := s.Do(ctx, "HGET", s.LogKey(), "epoch")
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, err
}

// RequireLog implements logServer.
func (s *Redis) RequireLog(ctx context.Context) error {
	has, err := s.HasLog(ctx)
	switch {
	case err != nil:
		return s.ExplainLog(err)
	case !has:
		return fmt.Errorf("%s: there is no log %s: start a node with a log; a server that was restarted has none "+
			"until a node uses it", s.where, s.LogKey())
	}
	return nil
}

// ExplainLog implements logServer.
func (s *Redis) ExplainLog(err error) error {
	if reason := s.Reason(err); reason != "" {
		return fmt.Errorf("%s: %s", s.where, reason)
	}
	return err
}

// hasLog implements logServer.
func (s *Redis) hasLog(ctx context.Context) bool {
	if has, err := s.HasLog(ctx); err != nil || !has {
		return false
	}
	driver := s.New()
	defer CloseDriver(ctx, driver)
	return driver.PrepareLog(ctx) == nil
}
