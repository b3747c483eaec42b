// Command compat writes the table of the tested Node.js packages into the documentation. It reads what
// "go test -json -run Interop ./internal/e2e/interop" prints, from standard input:
//
//	make compat
//
// A test whose name has an element like type03_BROADCAST, after the names of the sides, counts for that message type.
// The command fails if a test failed, or if nothing of a package was tested.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	page := flag.String("docs", "", "the page that has the table; without it, the table is printed")
	readme := flag.String("readme", "", "the page that has the summary")
	manifest := flag.String("package", "internal/e2e/interop/node/package.json", "the npm packages with their versions")
	flag.Parse()
	if err := run(*page, *readme, *manifest); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}

func run(page, readme, manifest string) error {
	versions, err := readVersions(manifest)
	if err != nil {
		return err
	}
	r, err := readResults(os.Stdin)
	if err != nil {
		return err
	}
	if err := r.check(versions); err != nil {
		return err
	}
	if err := write(page, r.table(versions)); err != nil {
		return err
	}
	return write(readme, r.summary(versions))
}

// write writes a table into a page, or prints it if page is empty.
func write(page, table string) error {
	if page == "" {
		_, err := fmt.Print(table)
		return err
	}
	text, err := readFile(page)
	if err != nil {
		return err
	}
	changed, ok := replace(string(text), table)
	if !ok {
		return errors.New(page + " has no lines that mark the place of the table")
	}
	return os.WriteFile(page, []byte(changed), 0o644)
}
