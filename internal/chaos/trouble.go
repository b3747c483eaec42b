package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// Trouble is a kind of fault.
type Trouble struct {
	name        string
	server      bool // it happens to the server, and so to all
	goOnly      bool // not to the Node.js node
	least, most time.Duration
	do          func(ctx context.Context, r *run, s Step) error
}

// troubles are all kinds. Each begins when it is called, and is over, and mended, when it returns.
var troubles = []Trouble{
	{name: "stall", least: 300 * ms1, most: 6 * time.Second, do: stalled(pgtest.Both, "")},
	{name: "stall to server", least: 300 * ms1, most: 4 * time.Second, do: stalled(pgtest.ToServer, "")},
	{name: "stall to client", least: 300 * ms1, most: 4 * time.Second, do: stalled(pgtest.ToClient, "")},
	{name: "stall publisher", goOnly: true, least: 300 * ms1, most: 4 * time.Second, do: stalled(pgtest.Both, "backplane publish")},
	{name: "stall listener", goOnly: true, least: 300 * ms1, most: 4 * time.Second, do: stalled(pgtest.Both, "backplane listen")},
	{name: "partition", least: 6 * time.Second, most: 12 * time.Second, do: stalled(pgtest.Both, "")},
	{name: "stall and cut", least: 500 * ms1, most: 5 * time.Second, do: func(ctx context.Context, r *run, s Step) error {
		if err := stalled(pgtest.Both, "")(ctx, r, s); err != nil {
			return err
		}
		r.nodes[s.Node].proxy.Cut()
		return nil
	}},
	{name: "ended behind stall", goOnly: true, least: 500 * ms1, most: 5 * time.Second, do: func(ctx context.Context, r *run, s Step) error {
		proxy := r.nodes[s.Node].proxy
		proxy.Stall(pgtest.ToClient)
		defer proxy.Resume()
		err := errors.Join(wait(ctx, s.For/5), r.exec(ctx, endListeners))
		return errors.Join(err, wait(ctx, s.For-s.For/5))
	}},
	{name: "half-open", most: 0, do: func(_ context.Context, r *run, s Step) error {
		r.nodes[s.Node].proxy.Swallow()
		return nil
	}},
	{name: "cut", most: 0, do: func(_ context.Context, r *run, s Step) error {
		r.nodes[s.Node].proxy.Cut()
		return nil
	}},
	{name: "refuse", least: 300 * ms1, most: 5 * time.Second, do: func(ctx context.Context, r *run, s Step) error {
		proxy := r.nodes[s.Node].proxy
		proxy.Refuse(true)
		defer proxy.Refuse(false)
		proxy.Cut()
		return wait(ctx, s.For)
	}},
	{name: "delay", least: time.Second, most: 6 * time.Second, do: func(ctx context.Context, r *run, s Step) error {
		proxy := r.nodes[s.Node].proxy
		proxy.Delay(20*ms1 + s.For/20)
		defer proxy.Delay(0)
		return wait(ctx, s.For)
	}},

	{name: "end listeners", server: true, most: 0, do: statement(endListeners)},
	{name: "end publishers", server: true, most: 0, do: statement("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + pgtest.Publishers + " AND pid <> pg_backend_pid()")},
	{name: "end one listener", server: true, most: 0, do: statement("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'backplane listen' ORDER BY random() LIMIT 1")},
	{name: "lock table", server: true, least: 500 * ms1, most: 5 * time.Second, do: lockTable},
	{name: "recreate table", server: true, most: 0, do: recreateTable},
	{name: "crash", server: true, least: 0, most: 3 * time.Second, do: down(pgtest.Immediate)},
	{name: "crash under load", server: true, least: 0, most: time.Second, do: crashUnderLoad},
	{name: "kill server", server: true, least: 0, most: 2 * time.Second, do: down(pgtest.Killed)},
	{name: "restart server", server: true, least: 0, most: 2 * time.Second, do: down(pgtest.Fast)},

	{name: "pause process", least: 300 * ms1, most: 9 * time.Second, do: func(ctx context.Context, r *run, s Step) error {
		p := r.nodes[s.Node].process
		if err := p.signal(stop); err != nil {
			return err
		}
		defer p.signal(resume)
		return wait(ctx, s.For)
	}},
	{name: "kill process", least: 100 * ms1, most: 3 * time.Second, do: func(ctx context.Context, r *run, s Step) error {
		r.kill(s.Node)
		err := wait(ctx, s.For)
		return r.start(s.Node, err)
	}},
	{name: "close process", least: 100 * ms1, most: 3 * time.Second, do: func(ctx context.Context, r *run, s Step) error {
		if err := r.close(ctx, s.Node); err != nil {
			return err
		}
		err := wait(ctx, s.For)
		return r.start(s.Node, err)
	}},
	{name: "starve", goOnly: true, least: 500 * ms1, most: 4 * time.Second, do: ordered(Order{Do: DoBurn, Count: 20})},
	{name: "slow application", goOnly: true, least: 500 * ms1, most: 4 * time.Second, do: ordered(Order{Do: DoSlow})},
	{name: "burst", goOnly: true, most: 0, do: ordered(Order{Do: DoBurst, Count: 2000})},
	{name: "large burst", goOnly: true, most: 0, do: ordered(Order{Do: DoBurst, Count: 5000})},
}

const endListeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + pgtest.Listeners + " AND pid <> pg_backend_pid()"

const ms1 = time.Millisecond

// wait waits for d. When ctx ends first, what was under way is ended early, and mended.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func stalled(d pgtest.Direction, only string) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		proxy := r.nodes[s.Node].proxy
		proxy.StallOnly(d, only)
		defer proxy.Resume()
		return wait(ctx, s.For)
	}
}

func ordered(o Order) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		o.For = s.For.Microseconds()
		if err := r.nodes[s.Node].process.tell(o); err != nil {
			return err
		}
		return wait(ctx, s.For)
	}
}

func statement(sql string) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, _ Step) error { return r.exec(ctx, sql) }
}

func down(mode pgtest.Mode) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		if err := r.server.GoDown(mode); err != nil {
			return err
		}
		err := wait(ctx, s.For)
		return r.comeUp(err)
	}
}

func lockTable(ctx context.Context, r *run, s Step) error {
	conn, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "BEGIN; LOCK TABLE "+postgres.DefaultTable+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		return err
	}
	return wait(ctx, s.For)
}

// recreateTable loses all attachments, and numbers later ones from 1 on.
func recreateTable(ctx context.Context, r *run, _ Step) error {
	schema, err := postgres.Schema(postgres.DefaultTable)
	if err != nil {
		return err
	}
	return r.exec(ctx, fmt.Sprintf("BEGIN; SET lock_timeout = '3s'; DROP TABLE %s; %s; COMMIT", postgres.DefaultTable, schema))
}

// crashUnderLoad crashes the server when many attachments are neither on its disk nor read by everybody, and makes as many
// afterwards: a row may be given again under an old number.
func crashUnderLoad(ctx context.Context, r *run, s Step) error {
	heap := func(slow time.Duration) {
		for place := range r.nodes {
			if p := r.running(place); p != nil && places[place].driver != "node" {
				_ = p.tell(Order{Do: DoSlow, For: slow.Microseconds()}) // it may have been killed
				_ = p.tell(Order{Do: DoHeap, Count: 200})
			}
		}
	}
	heap(3 * time.Second)
	if err := wait(ctx, 300*ms1); err != nil {
		return err
	}
	err := down(pgtest.Immediate)(ctx, r, s)
	heap(0)
	return err
}
