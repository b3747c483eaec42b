package chaos

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// Fault is a kind of fault that can be injected.
type Fault struct {
	name        string
	server      bool // it affects the server, and so all nodes
	goOnly      bool // it does not affect the Node.js node
	least, most time.Duration
	do          func(ctx context.Context, r *run, s Step) error
}

// faultKinds are all kinds of faults. The func do injects the fault and returns when it is over.
var faultKinds = []Fault{
	{name: "stall", least: 300 * ms1, most: 6 * time.Second, do: stalled(pgtest.Both, "")},
	{name: "stall to server", least: 300 * ms1, most: 4 * time.Second, do: stalled(pgtest.ToServer, "")},
	{name: "stall to client", least: 300 * ms1, most: 4 * time.Second, do: stalled(pgtest.ToClient, "")},
	{name: "stall publisher", goOnly: true, least: 300 * ms1, most: 4 * time.Second,
		do: stalled(pgtest.Both, "backplane publish")},
	{name: "stall listener", goOnly: true, least: 300 * ms1, most: 4 * time.Second,
		do: stalled(pgtest.Both, "backplane listen")},
	{name: "partition", least: 6 * time.Second, most: 12 * time.Second, do: stalled(pgtest.Both, "")},
	{name: "stall and cut", least: 500 * ms1, most: 5 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			if err := stalled(pgtest.Both, "")(ctx, r, s); err != nil {
				return err
			}
			r.nodes[s.Node].proxy.Cut()
			return nil
		}},
	{name: "ended behind stall", goOnly: true, least: 500 * ms1, most: 5 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			proxy := r.nodes[s.Node].proxy
			proxy.Stall(pgtest.ToClient)
			defer proxy.Resume()
			err := errors.Join(wait(ctx, s.For/5), r.database().Exec(ctx, endListeners))
			return errors.Join(err, wait(ctx, s.For-s.For/5))
		}},
	{name: "half-open", most: 0, do: func(_ context.Context, r *run, s Step) error {
		r.nodes[s.Node].proxy.DropPackets()
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
	{name: "end publishers", server: true, most: 0,
		do: statement("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + pgtest.Publishers +
			" AND pid <> pg_backend_pid()")},
	{name: "end one listener", server: true, most: 0,
		do: statement("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'backplane " +
			"listen' ORDER BY random() LIMIT 1")},
	{name: "lock table", server: true, least: 500 * ms1, most: 5 * time.Second, do: lockTable},
	{name: "recreate table", server: true, most: 0, do: recreateTable},
	{name: "table away", server: true, least: 500 * ms1, most: 3 * time.Second, do: during(
		"ALTER TABLE "+postgres.DefaultTable+" RENAME TO away", "ALTER TABLE away RENAME TO "+postgres.DefaultTable)},
	{name: "read only", server: true, least: 500 * ms1, most: 3 * time.Second, do: during(
		"ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()",
		"SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only; SELECT "+
			"pg_reload_conf()")},
	{name: "block notifications", server: true, least: 500 * ms1, most: 5 * time.Second, do: blockNotifications},
	{name: "crash", server: true, least: 0, most: 3 * time.Second, do: down(pgtest.Immediate)},
	{name: "crash under load", server: true, least: 0, most: time.Second, do: crashUnderLoad},
	{name: "kill server", server: true, least: 0, most: 2 * time.Second, do: down(pgtest.Killed)},
	{name: "restart server", server: true, least: 0, most: 2 * time.Second, do: down(pgtest.Fast)},

	{name: "pause process", least: 300 * ms1, most: 9 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			p := r.nodes[s.Node].process
			if err := p.Signal(worker.Pause); err != nil {
				return err
			}
			defer p.Signal(worker.Resume)
			return wait(ctx, s.For)
		}},
	{name: "kill process", least: 100 * ms1, most: 3 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			r.kill(s.Node)
			err := wait(ctx, s.For)
			return r.start(s.Node, err)
		}},
	{name: "close process", least: 100 * ms1, most: 3 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			if err := r.close(ctx, s.Node); err != nil {
				return err
			}
			err := wait(ctx, s.For)
			return r.start(s.Node, err)
		}},
	{name: "close behind stall", goOnly: true, least: 100 * ms1, most: time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			proxy := r.nodes[s.Node].proxy
			proxy.Stall(pgtest.Both)
			err := wait(ctx, s.For)
			// Pending calls of lib/pq and of the pool end only when the network works again.
			again := time.AfterFunc(closeLimit, proxy.Resume)
			err = errors.Join(err, r.close(ctx, s.Node))
			again.Stop()
			proxy.Resume()
			return r.start(s.Node, err)
		}},
	{name: "starve", goOnly: true, least: 500 * ms1, most: 4 * time.Second, do: ordered(Order{Do: DoBurn, Count: 20})},
	{name: "slow application", goOnly: true, least: 500 * ms1, most: 4 * time.Second, do: ordered(Order{Do: DoSlow})},
	{name: "burst", goOnly: true, most: 0, do: ordered(Order{Do: DoBurst, Count: 2000})},
	{name: "large burst", goOnly: true, most: 0, do: ordered(Order{Do: DoBurst, Count: 5000})},
}
