package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

var (
	_ transport.LogTrimmer   = (*Bus)(nil)
	_ transport.LogInspector = (*Bus)(nil)

	errMalformedRow = errors.New("the row is malformed")
)

// withoutRow is the error of a log whose table has lost its row.
func (l *eventLog) withoutRow() error {
	return l.setup.failed("inspect", postgres.ErrNoTable, nil, "it has no row: "+createHint)
}

// TrimLog implements transport.LogTrimmer.
func (b *Bus) TrimLog(ctx context.Context, keep transport.Retention) error {
	if b.log.err != nil {
		return b.log.err
	}
	_, err := retry(ctx, b.pool.IsBroken, func() (struct{}, error) {
		args := []any{max(keep.MaxAge, 0).Seconds(), max(keep.MaxBytes, 0)}
		for range 2 * postgres.LogSlots { // removing and going on take a call each
			var again bool
			if _, err := b.pool.QueryRow(ctx, b.log.trim, args, &again); err != nil {
				return struct{}{}, err
			}
			if !again {
				break
			}
		}
		return struct{}{}, nil
	})
	if sqlState(err) == lockNotAvailable {
		return fmt.Errorf("postgres: the log is not trimmed while another transaction uses its oldest table: %w", err)
	}
	return err
}

// InspectLog implements transport.LogInspector.
func (b *Bus) InspectLog(ctx context.Context, prefix string) (transport.LogInfo, error) {
	if b.log.err != nil {
		return transport.LogInfo{}, b.log.err
	}
	return retry(ctx, b.pool.IsBroken, func() (transport.LogInfo, error) {
		var info transport.LogInfo
		err := b.pool.Rows(ctx, b.log.inspect, []any{prefix}, func(first, second int64, text []byte) error {
			if info.Epoch == "" {
				info.Epoch, info.Bytes = string(bytes.Clone(text)), first
				if second > 0 {
					info.Oldest = time.UnixMicro(second)
				}
				return nil
			}
			info.Channels = append(info.Channels, transport.ChannelInfo{
				Channel: string(text), Bounds: newBounds(info.Epoch, first, second), Records: second - first,
			})
			return nil
		})
		if err == nil && info.Epoch == "" {
			err = b.log.withoutRow()
		}
		if err != nil {
			return transport.LogInfo{}, err
		}
		return info, nil
	})
}
