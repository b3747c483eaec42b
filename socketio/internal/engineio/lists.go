package engineio

import (
	"iter"
	"strings"
)

// members returns the members of a header that is a list (RFC 9110, 5.6.1), the last one first. A list may be on several lines; empty
// members are left out. Commas within quotes do not separate. The list is read from its end, so that what a client has sent, which comes
// first, cannot change how the members are read that a proxy has appended.
func members(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; {
				var member string
				rest, member, more = cutLast(rest, ',')
				if member = strings.Trim(member, " \t"); member != "" && !yield(member) {
					return
				}
			}
		}
	}
}

// cutLast cuts text at the last separator that is not within quotes. Without any, last is all of it.
func cutLast(text string, separator byte) (before, last string, found bool) {
	quoted := false
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case '"':
			quoted = quoted != !escaped(text[:i])
		case separator:
			if !quoted {
				return text[:i], text[i+1:], true
			}
		}
	}
	return "", text, false
}

// escaped reports whether what follows text is escaped by a backslash at its end.
func escaped(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// lists reports whether a header that is a list has token among its members, in whatever case.
func lists(lines []string, token string) bool {
	for member := range members(lines) {
		if strings.EqualFold(member, token) {
			return true
		}
	}
	return false
}

// made reports whether s has only letters, digits, and characters of others.
func made(s, others string) bool {
	for i := range len(s) {
		c := s[i]
		if letter := c | 0x20; (letter < 'a' || letter > 'z') && (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// isToken reports whether s is a token (RFC 9110, 5.6.2).
func isToken(s string) bool { return s != "" && made(s, "!#$%&'*+-.^_`|~") }
