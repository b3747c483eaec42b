package connect

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
)

// poolSize is how many connections the nodes share for attachments. Each node opens two more for itself.
const poolSize = 4

// openPostgres returns the server at dsn. source is the flag or variable that dsn comes from.
func openPostgres(source, dsn, driver string, config postgres.Config) (*Postgres, error) {
	if config.Table != "" {
		if _, err := postgres.QuoteTable(config.Table); err != nil {
			return nil, &cli.UsageError{Reason: "--table: " + err.Error()}
		}
	}
	if _, err := postgres.LogNamesOf(config.LogTable); err != nil {
		return nil, &cli.UsageError{Reason: "--log-table: " + err.Error()}
	}
	switch driver {
	case "", "pgx":
		return openPgx(source, dsn, config)
	case "pq":
		return openPq(source, dsn, config)
	}
	return nil, &cli.UsageError{Reason: "--driver must be pgx or pq, not " + driver}
}

func openPgx(source, dsn string, config postgres.Config) (*Postgres, error) {
	pooled, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, badURL(source, dsn, err)
	}
	pooled.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(context.Background(), pooled)
	if err != nil {
		return nil, badURL(source, dsn, err)
	}
	c := pooled.ConnConfig
	s := newPostgres("pgx", where(c.Host, c.Port, c.Database), config)
	s.New = func() PostgresDriver { return pgxdriver.NewWithConfig(pool, pgxdriver.Config{Config: config}) }
	s.close = pool.Close
	single := c.Copy()
	single.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // works through all poolers
	s.DB = stdlib.OpenDB(*single)
	s.BackendPID = backendPID
	return s, nil
}

// backendPID returns the id of the server process that pgx received when it connected.
func backendPID(conn *sql.Conn) (pid int, err error) {
	err = conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("%T is not a connection of pgx", driver)
		}
		pid = int(c.Conn().PgConn().PID())
		return nil
	})
	return pid, err
}

func openPq(source, dsn string, config postgres.Config) (*Postgres, error) {
	parsed, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, badURL(source, dsn, err)
	}
	connector, err := pq.NewConnectorConfig(parsed)
	if err != nil {
		return nil, badURL(source, dsn, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(poolSize)
	s := newPostgres("lib/pq", where(parsed.Host, parsed.Port, parsed.Database), config)
	s.New = func() PostgresDriver { return pqdriver.NewWithConfig(db, dsn, pqdriver.Config{Config: config}) }
	s.DB = db
	return s, nil
}

func where(host string, port uint16, database string) string {
	server := net.JoinHostPort(host, strconv.Itoa(int(port)))
	if database == "" {
		return server
	}
	return server + ", database " + database
}

// badURL returns the error for an invalid URL. It uses the text of the driver only where that does not contain a
// password.
func badURL(source, dsn string, err error) error {
	u, parseErr := url.Parse(dsn)
	if parseErr != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return &cli.UsageError{Reason: source +
			" must be a URL like postgres://user:password@localhost:5432/database, " +
			"with special characters of the password encoded, such as %40 for @ and %2F for /"}
	}
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) && parse.Unwrap() != nil {
		err = parse.Unwrap()
	}
	reason := err.Error()
	if password, set := u.User.Password(); set && password != "" {
		reason = strings.ReplaceAll(reason, password, "...")
	}
	return &cli.UsageError{Reason: source + ": " + reason}
}
