package connect

import (
	"context"
	"fmt"
)

var _ logServer = (*NATS)(nil)

// HasLog reports whether nodes have begun a log on the server, and the name of its stream.
func (s *NATS) HasLog(ctx context.Context) (stream string, has bool, err error) {
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	driver := s.New(s.Config)
	defer CloseDriver(ctx, driver)
	has, err = driver.HasLog(ctx)
	return driver.LogStream(), has, err
}

// RequireLog implements logServer.
func (s *NATS) RequireLog(ctx context.Context) error {
	stream, has, err := s.HasLog(ctx)
	switch {
	case err != nil:
		return s.ExplainLog(err)
	case !has:
		return fmt.Errorf("%s: there is no log, a stream %s: start a node with a log", s.where, stream)
	}
	return nil
}

// ExplainLog implements logServer.
func (s *NATS) ExplainLog(err error) error {
	if err == nil {
		return nil
	}
	if reason := s.Reason(err); reason != "" {
		return fmt.Errorf("%s: %s", s.where, reason)
	}
	return err
}

// hasLog implements logServer.
func (s *NATS) hasLog(ctx context.Context) bool {
	if _, has, err := s.HasLog(ctx); err != nil || !has {
		return false
	}
	driver := s.New(s.Config)
	defer CloseDriver(ctx, driver)
	return driver.PrepareLog(ctx) == nil
}
