// Package testparallel lets more tests of a package run at the same time than there are processors. It is for packages
// whose tests mostly wait.
package testparallel

import "flag"

// Set parses the flags of a test program and limits its parallel tests to n, unless the command line says otherwise
// (-parallel).
func Set(n string) {
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	if set {
		return
	}
	if err := flag.Set(name, n); err != nil {
		panic(err)
	}
}

const name = "test.parallel"
