package connect

import (
	"os"
	"slices"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// engine carries the messages of clusters: a kind of server, or the memory of this process.
type engine interface {
	facts() facts
	// bind declares the flags that only this engine has. nodes: for a command that runs nodes.
	bind(f *Flags, nodes bool)
	// open returns the server at url. source is the flag or variable that url comes from. It does no I/O,
	// except that it starts a server inside this process.
	open(f *Flags, source, url string) (Server, error)
}

// facts are what flags depend on.
type facts struct {
	name     string   // in messages
	flag     string   // has the URL
	env      string   // environment variable with the URL for a command without any of these flags; empty: none
	dialects []string // that work on this engine
	flags    []string // that have an effect only with it
	log      bool     // it may keep a log
	channel  int      // how many bytes the name of a channel may have; 0: any number
}

// engines are those that flags can choose.
var engines = []engine{postgresEngine{}, redisEngine{}, natsEngine{}}

// bindEngines declares the flags of the engines.
func (f *Flags) bindEngines(nodes bool, of ...engine) {
	f.engines, f.nodes = of, nodes
	for _, e := range of {
		e.bind(f, nodes)
	}
}

// choice is the engine that the flags choose.
type choice struct {
	engine
	source, url string // see engine.open
}

// choose returns the engine that the flags choose, and checks the flags that depend on it.
func (f *Flags) choose() (choice, error) {
	var c choice
	for _, e := range f.engines {
		flag := e.facts().flag
		url, err := f.fs.GetString(flag)
		switch {
		case err != nil:
			return c, err
		case url == "":
		case c.engine != nil:
			return c, &cli.UsageError{Reason: c.source + " and --" + flag + ": give one of them"}
		default:
			c = choice{e, "--" + flag, url}
		}
	}
	if c.engine == nil {
		if err := f.chooseDefault(&c); err != nil {
			return c, err
		}
	}
	return c, f.check(c)
}

// chooseDefault chooses the engine for a command without a URL.
func (f *Flags) chooseDefault(c *choice) error {
	if f.nodes {
		*c = choice{engine: memoryEngine{}}
		return nil
	}
	hint := ""
	for _, e := range f.engines {
		has := e.facts()
		if url := os.Getenv(has.env); has.env != "" && url != "" && !f.noDefault {
			*c = choice{e, has.env, url}
			return nil
		}
		if hint != "" {
			hint += ", or "
		}
		hint += "give --" + has.flag + " URL"
		if has.env != "" && !f.noDefault {
			hint += " or set " + has.env
		}
	}
	return &cli.UsageError{Reason: "no database: " + hint}
}

// check returns an error for flags that do not go with the engine.
func (f *Flags) check(c choice) error {
	not := ""
	if flag := c.facts().flag; c.source == "--"+flag {
		not = ", not " + c.source
	}
	for _, other := range f.engines {
		if other == c.engine {
			continue
		}
		for _, flag := range other.facts().flags {
			if f.fs.Changed(flag) {
				return &cli.UsageError{Reason: "--" + flag + " needs --" + other.facts().flag + " URL" + not}
			}
		}
	}
	if err := f.checkDialect(); err != nil {
		return err
	}
	if f.dialect == "" || slices.Contains(c.facts().dialects, f.dialect) {
		return nil
	}
	needs := ""
	for _, e := range f.engines {
		if has := e.facts(); slices.Contains(has.dialects, f.dialect) {
			if needs != "" {
				needs += " or "
			}
			needs += "--" + has.flag + " URL"
		}
	}
	return &cli.UsageError{Reason: "--dialect " + f.dialect + " needs " + needs + not}
}

// bindURL declares the flag for the URL of an engine. what begins its description for a command that runs nodes, and
// form is what a URL looks like.
func (f *Flags) bindURL(e engine, what, form string) {
	has := e.facts()
	description := "`URL` of the cluster's " + what + " (" + form
	switch {
	case f.nodes:
		description = "connect the nodes through the " + what + " at `URL` (" + form + ") instead of memory"
	case has.env != "":
		description += "; default: the environment variable " + has.env + ")"
	default:
		description += ")"
	}
	f.fs.String(has.flag, "", description)
}

// group lists flags of an engine under the title for those about the connection.
func (f *Flags) group(fs *pflag.FlagSet, names ...string) {
	title := "Connection"
	if f.nodes {
		title = "Cluster"
	}
	cli.GroupFlags(fs, title, names...)
}
