package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The lines between which the table stands in its page.
const (
	begins = "<!-- compat: the table begins -->\n"
	ends   = "<!-- compat: the table ends -->\n"
)

// check fails if nothing of a package was tested.
func (r *results) check(versions map[string]string) error {
	for i, c := range columns {
		switch {
		case versions[c.npm] == "":
			return fmt.Errorf("%s is not in package.json", c.npm)
		case len(r.passed[i]) == 0:
			return fmt.Errorf("no test of %s %s passed: their names begin with %s", c.name, versions[c.npm],
				c.prefixes[0])
		}
	}
	return nil
}

// table returns the scenarios that passed of each package and message type, as Markdown.
func (r *results) table(versions map[string]string) string {
	slices.SortFunc(r.types, func(a, b string) int {
		return cmp.Or(cmp.Compare(number(a), number(b)), strings.Compare(a, b))
	})
	var text strings.Builder
	text.WriteString("| message type |")
	for _, c := range columns {
		fmt.Fprintf(&text, " %s %s |", c.name, versions[c.npm])
	}
	text.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, kind := range r.types {
		_, name, _ := strings.Cut(kind, "_")
		text.WriteString("| " + name + " |")
		for i := range columns {
			n := r.passed[i][kind]
			if n == (counts{}) {
				text.WriteString(" |")
				continue
			}
			fmt.Fprintf(&text, " %d / %d |", n.toGo, n.toNode)
		}
		text.WriteString("\n")
	}
	return text.String()
}

// summary returns a row for each kind of cluster with its packages, message types and scenarios, as Markdown.
func (r *results) summary(versions map[string]string) string {
	var text strings.Builder
	text.WriteString("| cluster | tested packages of Node.js | message types | scenarios to Go / from Go |\n" +
		"|---|---|---|---|\n")
	for i := 0; i < len(columns); {
		cluster, types, total := columns[i].cluster, make(map[string]bool), counts{}
		var packages []string
		last := ""
		for ; i < len(columns) && columns[i].cluster == cluster; i++ {
			c := columns[i]
			if c.name == last {
				packages[len(packages)-1] += ", " + versions[c.npm]
			} else {
				packages = append(packages, c.name+" "+versions[c.npm])
			}
			last = c.name
			for kind, n := range r.passed[i] {
				types[kind] = true
				total.toGo += n.toGo
				total.toNode += n.toNode
			}
		}
		fmt.Fprintf(&text, "| %s | %s | %d | %d / %d |\n", cluster, strings.Join(packages, "; "), len(types),
			total.toGo, total.toNode)
	}
	return text.String()
}

func number(kind string) int {
	digits, _, _ := strings.Cut(kind, "_")
	n, _ := strconv.Atoi(digits) // typeOf matches digits only
	return n
}

// replace replaces the table in a page.
func replace(page, table string) (changed string, ok bool) {
	before, rest, ok1 := strings.Cut(page, begins)
	_, after, ok2 := strings.Cut(rest, ends)
	return before + begins + table + ends + after, ok1 && ok2
}

func readFile(name string) ([]byte, error) { return os.ReadFile(filepath.Clean(name)) }
