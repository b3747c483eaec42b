package jsontext

import (
	"bytes"
	"unicode/utf8"
)

// ValidUTF8 returns s with one U+FFFD in place of each invalid byte, as encoding/json writes it.
func ValidUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// AppendCompact appends p without the white space between tokens. Skip must have checked p.
func AppendCompact(dst, p []byte) []byte {
	done := 0
	for i := 0; i < len(p); {
		switch p[i] {
		case '"':
			i, _ = SkipString(p, i)
		case ' ', '\n', '\t', '\r':
			dst = append(dst, p[done:i]...)
			i = Space(p, i)
			done = i
		default:
			i++
		}
	}
	return append(dst, p[done:]...)
}

// AppendUnescaped appends p, which encoding/json wrote, as JSON.stringify writes it: the line separators U+2028 and
// U+2029 and the replacement character U+FFFD are not escaped. p may follow dst in the same memory.
func AppendUnescaped(dst, p []byte) []byte {
	for {
		i := bytes.Index(p, []byte(`\u`))
		if i < 0 {
			return append(dst, p...)
		}
		escapes := 0 // backslashes before it; if their number is odd, the last one escapes this one
		for escapes < i && p[i-1-escapes] == '\\' {
			escapes++
		}
		r := unit(p[i:])
		if escapes%2 == 1 || r != 0x2028 && r != 0x2029 && r != 0xfffd {
			dst = append(dst, p[:i+2]...)
			p = p[i+2:]
			continue
		}
		dst = append(dst, p[:i]...)
		dst = append(dst, string(r)...)
		p = p[i+6:]
	}
}
