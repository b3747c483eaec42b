package figures

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Options are the flags that the benchmarks have in common.
type Options struct {
	Rounds     int
	Quick      bool
	Cases      List // prefixes of names; empty: all cases
	Contenders List
	Profiles   string // folder; empty: no profiles
	Out        string // file; empty: results are only printed
	Docs       string // Markdown file; empty: none
	Table      string // the name of the table in the file; empty: "bench"
}

// Flags defines the flags. contenders lists all contenders, separated by commas; quick describes what -quick
// changes.
func (o *Options) Flags(contenders, quick string) {
	o.Contenders = strings.Split(contenders, ",")
	flag.IntVar(&o.Rounds, "rounds", 3, "rounds of each case; results are medians")
	flag.BoolVar(&o.Quick, "quick", false, quick)
	flag.Var(&o.Cases, "cases", "run only cases whose names begin with one of these, separated by commas")
	flag.Var(&o.Contenders, "contenders", "run only these, separated by commas")
	flag.StringVar(&o.Profiles, "profiles", "", "write profiles of the Go processes to this folder")
	flag.StringVar(&o.Out, "out", "", "write the results to this file as JSON, and a chart beside it")
	flag.StringVar(&o.Docs, "docs", "", "write the table into this page of the documentation")
}

// Chosen reports whether the case is to be run.
func (o *Options) Chosen(name string) bool {
	return len(o.Cases) == 0 ||
		slices.ContainsFunc(o.Cases, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// List is a flag whose value is a list, separated by commas.
type List []string

// String returns the value of the flag.
func (l *List) String() string { return strings.Join(*l, ",") }

// Set sets the value of the flag.
func (l *List) Set(value string) error {
	*l = nil
	if value != "" {
		*l = strings.Split(value, ",")
	}
	return nil
}

// Exit ends the program, with status 1 and the error if there is one.
func Exit(program string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, program+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}
