package pqdriver

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/lib/pq"
)

// inline writes args into a statement, where it says $1 and so on outside of quotes. lib/pq sends a statement without
// arguments in one message, which any proxy hands to one server connection; one with arguments takes two, or a
// prepared statement.
func inline(statement string, args []any) (string, error) {
	var b strings.Builder
	for i := 0; i < len(statement); {
		switch c := statement[i]; {
		case c == '"' || c == '\'':
			end := i + 1 + strings.IndexByte(statement[i+1:], c) + 1 // a doubled quote begins the next part
			if end == i+1 {
				return "", fmt.Errorf("postgres: a quote is not closed: %.100q", statement)
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
			if err := literal(&b, args[n-1]); err != nil {
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

// literal writes a value such that it means the same whatever standard_conforming_strings is.
func literal(b *strings.Builder, value any) error {
	switch v := value.(type) {
	case []byte:
		b.WriteString(`E'\\x`)
		_, _ = hex.NewEncoder(b).Write(v) // a Builder takes everything
		b.WriteString(`'::bytea`)
	case string:
		if strings.IndexByte(v, 0) >= 0 {
			return fmt.Errorf("postgres: text with a NUL character: %.100q", v)
		}
		b.WriteString(pq.QuoteLiteral(v))
	case int64:
		fmt.Fprintf(b, "(%d)", v)
	case float64:
		fmt.Fprintf(b, "('%g'::float8)", v)
	default:
		return fmt.Errorf("postgres: no literal for a %T", value)
	}
	return nil
}
