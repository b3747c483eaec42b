package legacy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/transport"
)

// maxShown is the length of the longest name that PostgreSQL shows, in bytes: it cuts longer ones.
const maxShown = 63

// entryNames are the names of the connections of a cluster's nodes: "socket.io-", the prefix of the cluster,
// "-request#", the namespace and "#". It is what Node.js's servers set as application_name.
type entryNames struct {
	start string // all before the namespace
	query string // the start of all names of the cluster, as far as it looks the same everywhere
	whole bool   // query is start: the names show the whole prefix
}

func newEntryNames(prefix string) entryNames {
	n := entryNames{start: "socket.io-" + prefix + string(classic.Request)}
	n.query = n.start[:min(len(n.start), maxShown)]
	if i := strings.IndexFunc(n.query, odd); i >= 0 {
		n.query = n.query[:i]
	}
	n.whole = n.query == n.start
	return n
}

// odd reports whether PostgreSQL shows r in another way.
func odd(r rune) bool { return r < ' ' || r >= 0x7f }

// of returns the name of the connection of a namespace.
func (n *entryNames) of(nsp string) string { return n.start + nsp + "#" }

// shownName is how the name of a namespace may be shown.
type shownName struct {
	name  string
	forms []string
}

// shown returns how the name of a namespace may be shown. PostgreSQL cuts it, and shows bytes that are not printable
// ASCII as "?" before version 16, as \x and their number since.
func (n *entryNames) shown(nsp string) shownName {
	s := shownName{name: n.of(nsp)}
	var marks, escapes strings.Builder
	for i := range len(s.name) {
		if c := s.name[i]; odd(rune(c)) {
			marks.WriteByte('?')
			fmt.Fprintf(&escapes, `\x%02x`, c)
		} else {
			marks.WriteByte(c)
			escapes.WriteByte(c)
		}
	}
	for _, form := range []string{s.name, cut(s.name), cut(marks.String()), cut(escapes.String())} {
		if !slices.Contains(s.forms, form) {
			s.forms = append(s.forms, form)
		}
	}
	return s
}

// cut shortens a name to maxShown bytes.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	i := maxShown
	for i > 0 && !utf8.RuneStart(s[i]) {
		i--
	}
	return s[:i]
}

// exactly returns s for a server that shows the name as form.
func (s shownName) exactly(form string) shownName { return shownName{s.name, []string{form}} }

// verdict says whether a connection is a node of a namespace.
type verdict int

const (
	foreign  verdict = 0
	certain  verdict = 1
	possible verdict = 2
)

// judge says whether e is a node of nsp. Connections of this library show one namespace each. Those of Node.js's
// servers show only the last of their namespaces; all have "/".
func (n *entryNames) judge(e transport.EntryInfo, nsp string, s shownName) verdict {
	same := slices.Contains(s.forms, e.Name)
	switch {
	case same && e.Name == s.name && len(e.Name) != maxShown:
		return certain
	case same: // altered, or perhaps shortened: it may stand for several namespaces
		return n.unclear(e, nsp)
	case e.Marked || !n.plausible(e.Name):
		return foreign
	}
	return n.unclear(e, nsp)
}

// unclear is the verdict about a connection that may show another namespace.
func (n *entryNames) unclear(e transport.EntryInfo, nsp string) verdict {
	if nsp == "/" && n.whole && !e.Marked {
		return certain
	}
	return possible
}

// plausible reports whether a name may be one of the cluster.
func (n *entryNames) plausible(name string) bool {
	if n.whole {
		rest, ok := strings.CutPrefix(name, n.start)
		return ok && strings.HasPrefix(rest, "/") || name == n.start
	}
	for _, form := range n.shown("").forms {
		form = strings.TrimSuffix(form, "#")
		if strings.HasPrefix(name, form) {
			return true
		}
	}
	return false
}
