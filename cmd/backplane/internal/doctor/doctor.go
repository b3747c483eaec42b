package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/watch"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// Command is the doctor.
var Command = cli.Command{
	Name:    "doctor",
	Summary: "find out whether a cluster can run on this database",
	Help: `
Connects as a node would and examines the server, what is in between, whether
notifications come back, the table and the privileges on it, the queue of
notifications and the clock. Each line is ok, or says what to do. It changes
nothing, and no node hears of it.

The exit status is 1 if something does not work (fail). What works, but should
be looked at (warn), does not count.`,
	Examples: `
backplane doctor --postgres postgres://app@db.example.com/app
backplane doctor --driver pq --table realtime.attachments
backplane doctor --json | jq '.checks[] | select(.status != "ok")'`,
	Bind: func(fs *pflag.FlagSet) cli.Run {
		d := new(doctor)
		fs.StringVar(&d.nsp, "nsp", "/", "the `NAMESPACE` to listen to; a slash in front is added where it is missing")
		fs.BoolVar(&d.json, "json", false, "print one JSON object")
		d.flags = connect.BindCluster(fs)
		return d.run
	},
}

type doctor struct {
	nsp   string
	json  bool
	flags *connect.Flags
}

func (d *doctor) run(ctx context.Context, t *cli.Terminal, _ []string) error {
	server, err := d.flags.OpenCluster()
	if err != nil {
		return err
	}
	defer server.Close()
	p := &patient{server: server, flags: d.flags}
	if p.channel, err = watch.Channel(d.flags, d.nsp, transport.Limits{Channel: postgres.MaxName}); err != nil {
		return err
	}
	findings, failed := make([]finding, 0, len(checks)), 0
	p.examine(ctx, func(f finding) {
		f.Detail, f.Advice = oneLine(f.Detail), oneLine(f.Advice)
		if f.Status == fail {
			failed++
		}
		findings = append(findings, f)
		if !d.json {
			print(t, f)
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if d.json {
		if err := t.JSON(struct {
			OK     bool      `json:"ok"`
			Checks []finding `json:"checks"`
		}{failed == 0, findings}); err != nil {
			return err
		}
	}
	switch {
	case failed == 1:
		return errors.New("1 check failed")
	case failed > 1:
		return fmt.Errorf("%d checks failed", failed)
	}
	return nil
}

var colours = map[status]string{ok: cli.Green, warn: cli.Yellow, fail: cli.Red}

// print writes a finding, and what to do about it below. On a terminal both are wrapped.
func print(t *cli.Terminal, f finding) {
	width := 0
	for _, c := range checks {
		width = max(width, len(c.name))
	}
	margin := strings.Repeat(" ", 4+2+width+2)
	room := 0
	if t.Width > 0 {
		room = max(20, t.Width-len(margin)-len("-> "))
	}
	state := t.Paint(colours[f.Status], fmt.Sprintf("%-4s", f.Status))
	fmt.Fprintf(t.Out, "%s  %-*s  %s\n", state, width, f.Check, strings.Join(cli.Wrap(cli.Printable(f.Detail), room), "\n"+margin))
	if f.Advice != "" {
		fmt.Fprintf(t.Out, "%s-> %s\n", margin, strings.Join(cli.Wrap(cli.Printable(f.Advice), room), "\n   "+margin))
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
