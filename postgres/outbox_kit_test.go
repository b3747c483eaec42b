package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/transport"
)

// business is a transaction of the application, in which a Tx appends to the outbox.
type business struct {
	*postgres.Tx
	exec             func(statement string) error
	commit, rollback func() error
}

// client is a connection of the application.
type client struct {
	begin func() business
}

// newClient opens a connection of the application with the library of a driver.
func newClient(tb testing.TB, k kind, database string, config postgres.Config) client {
	tb.Helper()
	ctx := context.Background()
	if k.name == "pgx" {
		conn, err := pgx.Connect(within(tb), database)
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = conn.Close(ctx) })
		return client{func() business {
			tx, err := conn.Begin(ctx)
			if err != nil {
				panic(err) // called by goroutines of tests
			}
			return business{pgxdriver.InTxWithConfig(tx, config),
				func(statement string) error { _, err := tx.Exec(ctx, statement); return err },
				func() error { return tx.Commit(ctx) }, func() error { return tx.Rollback(ctx) }}
		}}
	}
	db, err := sql.Open("postgres", database)
	require.NoError(tb, err)
	db.SetMaxOpenConns(1)
	tb.Cleanup(func() { _ = db.Close() })
	return client{func() business {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			panic(err)
		}
		return business{pqdriver.InTxWithConfig(tx, config),
			func(statement string) error { _, err := tx.Exec(statement); return err }, tx.Commit, tx.Rollback}
	}}
}

// logDatabase returns a database with a log.
func logDatabase(tb testing.TB, table string) string {
	tb.Helper()
	database := pgtest.Database(tb)
	pgtest.Exec(tb, database, mustSQL(tb)(postgres.LogSchema(table)))
	return database
}

func record(channel, payload string, keep bool) transport.Record {
	return transport.Record{Message: transport.Message{Channel: channel, Payload: []byte(payload)}, Keep: keep}
}

// moveAll moves the outbox until it is empty.
func moveAll(tb testing.TB, d driver) (moved int) {
	tb.Helper()
	for more := true; more; {
		var n int
		var err error
		n, more, err = d.(transport.Outbox).MoveOutbox(within(tb))
		require.NoError(tb, err)
		moved += n
	}
	return moved
}

// logReader reads notifications and assigns positions to them, as the notifications on the channel of the log say.
type logReader struct {
	session transport.Session
	log     string                  // the name of the channel of the log
	expect  map[string][]logMessage // by channel: what the log has announced
	headers int
}

type logMessage struct {
	keep   bool
	offset int
}

func newLogReader(tb testing.TB, d driver, table string, channels ...string) *logReader {
	tb.Helper()
	names, err := postgres.LogNamesOf(table)
	require.NoError(tb, err)
	return &logReader{listen(tb, d, append(channels, names.Channel())...), names.Channel(),
		make(map[string][]logMessage), 0}
}

// next returns the next message and its offset, which is 0 if the message is not kept.
func (l *logReader) next(tb testing.TB) (channel, payload string, offset int) {
	tb.Helper()
	for {
		m, err := l.session.Receive(within(tb))
		require.NoError(tb, err)
		if m.Channel == l.log {
			l.headers++
			require.NoError(tb, l.announce(string(m.Payload)))
			continue
		}
		if announced := l.expect[m.Channel]; len(announced) > 0 {
			l.expect[m.Channel] = announced[1:]
			if announced[0].keep {
				offset = announced[0].offset
			}
		}
		return m.Channel, string(m.Payload), offset
	}
}

// announce reads a notification of the log: the epoch, and the first offset, the length of the name, the name, and
// the lengths of runs for each channel.
func (l *logReader) announce(header string) error {
	_, rest, _ := strings.Cut(header, " ")
	for rest != "" {
		var first, length int
		if _, err := fmt.Sscanf(rest, "%d %d ", &first, &length); err != nil {
			return fmt.Errorf("%q: %w", header, err)
		}
		rest = rest[len(fmt.Sprintf("%d %d ", first, length)):]
		channel := rest[:length]
		var runs string
		runs, rest, _ = strings.Cut(rest[length+1:], " ")
		if len(l.expect[channel]) > 0 {
			return fmt.Errorf("%q: earlier messages of %q have not come", header, channel)
		}
		for i, run := range strings.Split(runs, ",") {
			n, err := strconv.Atoi(run)
			if err != nil {
				return fmt.Errorf("%q: %w", header, err)
			}
			for range n {
				l.expect[channel] = append(l.expect[channel], logMessage{i%2 == 0, first})
				if i%2 == 0 {
					first++
				}
			}
		}
	}
	return nil
}
