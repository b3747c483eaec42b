package connect

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/lib/pq"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/transport"
)

// poolSize is how many connections the nodes share for attachments. Each node opens two more of its own.
const poolSize = 4

func openPgx(dsn string, config postgres.Config) (*Backend, error) {
	pooled, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, badURL(dsn, err)
	}
	pooled.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(context.Background(), pooled)
	if err != nil {
		return nil, badURL(dsn, err)
	}
	c := pooled.ConnConfig
	b := &Backend{where: where(c.Host, c.Port, c.Database), close: pool.Close}
	b.Name = "PostgreSQL with pgx, " + b.where
	b.Bus = func() transport.Bus { return pgxdriver.NewWithConfig(pool, pgxdriver.Config{Config: config}) }
	return b, nil
}

func openPq(dsn string, config postgres.Config) (*Backend, error) {
	parsed, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, badURL(dsn, err)
	}
	connector, err := pq.NewConnectorConfig(parsed)
	if err != nil {
		return nil, badURL(dsn, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(poolSize)
	b := &Backend{where: where(parsed.Host, parsed.Port, parsed.Database), close: func() { _ = db.Close() }}
	b.Name = "PostgreSQL with lib/pq, " + b.where
	b.Bus = func() transport.Bus { return pqdriver.NewWithConfig(db, dsn, pqdriver.Config{Config: config}) }
	return b, nil
}

func where(host string, port uint16, database string) string {
	server := net.JoinHostPort(host, strconv.Itoa(int(port)))
	if database == "" {
		return server
	}
	return server + ", database " + database
}

// badURL says what is wrong with a URL, but not in a driver's words when they might quote a password.
func badURL(dsn string, err error) error {
	u, parseErr := url.Parse(dsn)
	if parseErr != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return &cli.UsageError{Reason: "--postgres wants a URL like postgres://user:password@localhost:5432/database, " +
			"with %40, %2F and the like for special characters in the password"}
	}
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) && parse.Unwrap() != nil {
		err = parse.Unwrap()
	}
	reason := err.Error()
	if password, set := u.User.Password(); set && password != "" {
		reason = strings.ReplaceAll(reason, password, "...")
	}
	return &cli.UsageError{Reason: "--postgres: " + reason}
}
