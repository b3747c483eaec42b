package clients_test

import (
	"fmt"
	"strings"
)

// longText returns n bytes of text that compresses a little, with characters of one to four bytes.
func longText(bytes int) string {
	var b strings.Builder
	for i := 0; b.Len() < bytes; i++ {
		fmt.Fprintf(&b, "%x-ü-€-🙂 ", uint32(i)*2654435761)
	}
	text := b.String()[:bytes]
	return strings.ToValidUTF8(text, "") + strings.Repeat("x", bytes-len(strings.ToValidUTF8(text, "")))
}

// ints converts whole numbers from JSON to int.
func ints(values []any) []any {
	out := make([]any, len(values))
	for i, v := range values {
		if f, ok := v.(float64); ok {
			v = int(f)
		}
		out[i] = v
	}
	return out
}
