package jsontext

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// plain lists the bytes that are literal in a string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// SkipString returns the index after the string whose opening quote is p[i].
func SkipString(p []byte, i int) (int, error) {
	start := i
	i++
	for {
		if i = Plain(p, i); i >= len(p) {
			return i, fail(start, "string without end")
		}
		switch p[i] {
		case '"':
			return i + 1, nil
		case '\\':
			n := escape(p[i:])
			if n == 0 {
				return i, fail(i, "bad escape in a string")
			}
			i += n
		default:
			return i, fail(i, "control character in a string")
		}
	}
}

// escape returns the length of the escape sequence at the start of p, or 0 if there is none.
func escape(p []byte) int {
	if len(p) < 2 {
		return 0
	}
	switch p[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if unit(p) >= 0 {
			return 6
		}
	}
	return 0
}

// unit returns the UTF-16 code unit of the \uXXXX at the start of p, or -1 if there is none.
func unit(p []byte) rune {
	if len(p) < 6 || p[0] != '\\' || p[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range p[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// Unquote decodes the string p, including its quotes. Skip must have checked p. The result is a part of p if the
// string has no escapes; otherwise it is appended to scratch. Half of a surrogate pair becomes U+FFFD.
func Unquote(p, scratch []byte) []byte {
	p = p[1 : len(p)-1]
	i := bytes.IndexByte(p, '\\')
	if i < 0 {
		return p
	}
	for i >= 0 {
		scratch = append(scratch, p[:i]...)
		p = p[i:]
		var n int
		scratch, n = appendEscaped(scratch, p)
		p = p[n:]
		i = bytes.IndexByte(p, '\\')
	}
	return append(scratch, p...)
}

// appendEscaped appends the character of the escape sequence at the start of p and returns the length of the
// sequence.
func appendEscaped(dst, p []byte) ([]byte, int) {
	if len(p) < 2 {
		return append(dst, p...), len(p)
	}
	c := p[1]
	switch c {
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r := unit(p)
		if !utf16.IsSurrogate(r) {
			return utf8.AppendRune(dst, r), min(6, len(p))
		}
		if pair := utf16.DecodeRune(r, unit(p[6:])); pair != utf8.RuneError {
			return utf8.AppendRune(dst, pair), 12
		}
		return utf8.AppendRune(dst, utf8.RuneError), 6
	}
	return append(dst, c), 2
}

const hex = "0123456789abcdef"

// AppendString appends s as JSON.stringify writes it. Bytes that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0
	for i := asciiRun(s, 0); i < len(s); {
		c := s[i]
		if plain[c] && c < utf8.RuneSelf {
			i++
			if i&7 == 0 {
				i = asciiRun(s, i)
			}
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[done:i]...), "\ufffd"...)
				done = i + 1
			}
			i += n
			continue
		}
		dst = append(append(dst, s[done:i]...), '\\')
		switch c {
		case '"', '\\':
			dst = append(dst, c)
		case '\b':
			dst = append(dst, 'b')
		case '\f':
			dst = append(dst, 'f')
		case '\n':
			dst = append(dst, 'n')
		case '\r':
			dst = append(dst, 'r')
		case '\t':
			dst = append(dst, 't')
		default:
			dst = append(dst, 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		done = i
	}
	return append(append(dst, s[done:]...), '"')
}
