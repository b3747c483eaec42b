package pqdriver

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/lib/pq"
)

// interpolate writes args into a statement, in place of $1 and so on outside of quotes. lib/pq sends a
// statement without arguments as one message, which any proxy passes to one server connection. With arguments,
// it sends two messages, or prepares the statement.
func interpolate(statement string, args []any) (string, error) {
	var b strings.Builder
	for i := 0; i < len(statement); {
		switch c := statement[i]; {
		case c == '"' || c == '\'':
			end := i + 1 + strings.IndexByte(statement[i+1:], c) + 1 // a doubled quote starts the next part
			if end == i+1 {
				return "", fmt.Errorf("postgres: unterminated quote: %.100q", statement)
			}
			b.WriteString(statement[i:end])
			i = end
		case c == '$':
			end := i + 1
			for end < len(statement) && '0' <= statement[end] && statement[end] <= '9' {
				end++
			}
			n, err := strconv.Atoi(statement[i+1 : end])
			if err != nil || n < 1 || n > len(args) {
				return "", fmt.Errorf("postgres: no argument for %q", statement[i:end])
			}
			if err := writeLiteral(&b, args[n-1]); err != nil {
				return "", err
			}
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}

// writeLiteral writes a value in a form that means the same whatever standard_conforming_strings is.
func writeLiteral(b *strings.Builder, value any) error {
	switch v := value.(type) {
	case []byte:
		b.WriteString(`E'\\x`)
		_, _ = hex.NewEncoder(b).Write(v) // a Builder never fails
		b.WriteString(`'::bytea`)
	case string:
		if strings.IndexByte(v, 0) >= 0 {
			return fmt.Errorf("postgres: the text contains a NUL character: %.100q", v)
		}
		b.WriteString(pq.QuoteLiteral(v))
	case int64:
		fmt.Fprintf(b, "(%d)", v)
	case float64:
		fmt.Fprintf(b, "('%g'::float8)", v)
	default:
		return fmt.Errorf("postgres: a %T cannot be written as a literal", value)
	}
	return nil
}
