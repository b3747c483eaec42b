package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/postgres"
)

// server is the servers that the contenders use.
type server struct {
	url          string // of PostgreSQL; empty: there is none
	postmaster   int
	version      string
	redis        string // URL of a Redis server; empty: there is none
	nats         string // URL of a NATS server
	natsVersion  string
	servers      []int // the processes of the others
	redisVersion string
	databases    []string
}

func openServer(ctx context.Context, url string) (*server, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	s := &server{url: url}
	var dir string
	if err := conn.QueryRow(ctx, "SELECT current_setting('data_directory'), current_setting('server_version')").Scan(
		&dir, &s.version); err != nil {
		return nil, err
	}
	pidFile, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the CPU time of PostgreSQL: %w", err)
	}
	s.postmaster, err = strconv.Atoi(strings.SplitN(string(pidFile), "\n", 2)[0])
	return s, err
}

// warmUp grows the write-ahead log to its final size. A new server creates files for it, which takes several times as
// long as overwriting old ones. Without warmUp the first contender that stores large messages would pay for that.
func (s *server) warmUp(ctx context.Context) error {
	return execute(ctx, s.url, `SELECT pg_logical_emit_message(false, 'bench', repeat('x', 1 << 20))
FROM generate_series(1, (SELECT setting::int FROM pg_settings WHERE name = 'max_wal_size')) -- in MB`)
}

// settle makes PostgreSQL write its dirty pages, so that no run pays for the previous one.
func (s *server) settle(ctx context.Context) error {
	if s.url == "" {
		return nil
	}
	return execute(ctx, s.url, "CHECKPOINT")
}

func execute(ctx context.Context, url, statement string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// address returns the URL for the processes of a contender.
func (s *server) address(ctx context.Context, name string) (string, error) {
	switch contenderOf(name).engine {
	case onRedis:
		return s.redis, nil
	case onNATS:
		return s.nats, nil
	}
	return s.database(ctx, strings.ReplaceAll(name, "+", "_"))
}

// database creates a database for a contender, so that contenders do not wake each other's listeners.
func (s *server) database(ctx context.Context, name string) (string, error) {
	name = fmt.Sprintf("bench_%d_%d_%s", os.Getpid(), len(s.databases), name)
	if err := execute(ctx, s.url, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	s.databases = append(s.databases, name)
	u, err := url.Parse(s.url)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), createTable(ctx, u.String())
}

// createTable creates the table for attachments, which Node.js's adapter does not create.
func createTable(ctx context.Context, url string) error {
	schema, err := postgres.Schema(postgres.DefaultTable)
	if err != nil {
		return err
	}
	return execute(ctx, url, schema)
}

// drop drops all databases that database created.
func (s *server) drop(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, name := range s.databases {
		if _, err := conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	return nil
}

// cpu returns the CPU time in seconds of the servers and all their processes, including those that have ended.
func (s *server) cpu() float64 {
	var ticks int64
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // the process has just ended
		}
		// The name is in parentheses and may contain any character. The state, the parent's PID and so on follow it
		// (proc(5)).
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields := strings.Fields(string(line[strings.LastIndexByte(string(line), ')')+1:]))
		field := func(n int) int64 { // numbered as in proc(5)
			v, _ := strconv.ParseInt(fields[n-3], 10, 64)
			return v
		}
		switch {
		case slices.Contains(s.servers, pid):
			ticks += field(14) + field(15)
		case pid == s.postmaster:
			ticks += field(14) + field(15) + field(16) + field(17)
		case int(field(4)) == s.postmaster && s.postmaster > 0:
			ticks += field(14) + field(15)
		}
	}
	const ticksPerSecond = 100 // USER_HZ, the same on every Linux platform that Go supports
	return float64(ticks) / ticksPerSecond
}
