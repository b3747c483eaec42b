package logged

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/backplane-go/backplane/internal/redistest"
)

// Redis is a Redis server that appends to a file what it keeps, and syncs that with the disk every second.
var Redis = Engine{
	Name:   "redis",
	places: []place{{"a", "redis"}, {"b", "redis"}, {"c", "redis"}},
	faults: redisFaults,
	others: 5, // publishes, reads twice, saves and takes sessions
	start:  startRedis,
}

var redisFaults = []Fault{
	{name: "kill listeners", server: true, passing: true, do: killClients("pubsub")},
	{name: "kill publishers", server: true, after: 1500 * ms1, do: killClients("normal")},
	{name: "restart", server: true, epoch: true, most: time.Second, after: 2 * time.Second,
		do: redisDown((*redisServer).ShutDown)},
	{name: "kill server", server: true, epoch: true, most: 2 * time.Second, after: 2 * time.Second,
		do: redisDown((*redisServer).Crash)},
	{name: "power failure", server: true, epoch: true, least: time.Second, most: 2 * time.Second,
		after: 2 * time.Second, do: powerFailure},
	{name: "server hangs", server: true, least: 300 * ms1, most: 5 * time.Second, after: 2 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			if err := r.redis().Suspend(); err != nil {
				return err
			}
			return errors.Join(wait(ctx, s.For), r.redis().Resume())
		}},
}

// redisServer implements server.
type redisServer struct{ *redistest.Server }

func startRedis(ctx context.Context) (server, error) {
	s, err := redistest.Start(ctx, "appendonly yes", "appendfsync everysec", "auto-aof-rewrite-percentage 0")
	if err != nil {
		return nil, err
	}
	return &redisServer{s}, nil
}

// redis returns the server of a run with Redis.
func (r *run) redis() *redisServer { return r.server.(*redisServer) }

func (s *redisServer) URL() string { return "redis://" + s.Address() }

func (s *redisServer) remark() string { return "" }

func (s *redisServer) sessions(ctx context.Context) int {
	keys, err := ask(ctx, s.Server, "KEYS", "{backplane}sessions:*")
	if err != nil {
		return -1
	}
	return len(keys.Items)
}

func (s *redisServer) connections(ctx context.Context) (listening, others, all int) {
	list, err := ask(ctx, s.Server, "CLIENT", "LIST")
	if err != nil {
		return -1, -1, -1
	}
	for line := range strings.Lines(list.Text()) {
		switch {
		case strings.Contains(line, " cmd=client|list "), strings.Contains(line, " cmd=client "): // this one
		case strings.Contains(line, " sub=0 "):
			others++
		default:
			listening++
		}
	}
	return listening, others, listening + others
}

// killClients closes the connections of all clients of a type.
func killClients(kind string) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, _ Step) error {
		_, err := ask(ctx, r.redis().Server, "CLIENT", "KILL", "TYPE", kind)
		return err
	}
}

// redisDown ends the server and starts it again. Meanwhile it finds out what the server has stored.
func redisDown(end func(*redisServer) error) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		at := now()
		if err := end(r.redis()); err != nil {
			return err
		}
		return r.redisUp(ctx, at, s.For)
	}
}

// redisUp starts the server, which has ended at a time, after a while.
func (r *run) redisUp(ctx context.Context, at int64, after time.Duration) error {
	begin := time.Now()
	stored, err := r.redis().stored(ctx)
	if err == nil {
		r.mu.Lock()
		r.history.Stored = append(r.history.Stored, Stored{Until: at, Events: stored})
		r.mu.Unlock()
	}
	return errors.Join(err, wait(ctx, after-time.Since(begin)), r.redis().StartUp(context.Background()))
}

// unsynced is how long the disk may be behind with "appendfsync everysec".
const unsynced = time.Second

// powerFailure ends the server, which then loses what it has written in the last second.
func powerFailure(ctx context.Context, r *run, s Step) error {
	files, err := filepath.Glob(filepath.Join(r.redis().Folder(), "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		return cmp.Or(err, errors.New("want one file with what is appended"))
	}
	synced, err := os.Stat(files[0])
	if err != nil {
		return err
	}
	if err := wait(ctx, unsynced); err != nil {
		return err
	}
	at := now()
	if err := errors.Join(r.redis().Crash(), os.Truncate(files[0], synced.Size())); err != nil {
		return err
	}
	return r.redisUp(ctx, at, s.For-unsynced)
}
