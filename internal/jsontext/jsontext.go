// Package jsontext scans JSON text in place. It checks the grammar of RFC 8259 and finds where values begin and end,
// without building values. It does not check UTF-8: callers that need this call utf8.Valid once for the whole text.
//
// # Files
//
//   - jsontext.go: the scanner of values
//   - string.go: strings: scanning, decoding and encoding
//   - wordscan.go: scanning of strings eight bytes at a time
//   - rewrite.go: JSON to JSON: compaction, escapes, UTF-8
package jsontext

import (
	"errors"
	"fmt"
)

// ErrDepth is codec.ErrDepth: arrays and objects nest deeper than allowed.
var ErrDepth = errors.New("codec: nested too deeply")

// SyntaxError describes a syntax error and its position.
type SyntaxError struct {
	Offset int
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("json at byte %d: %s", e.Offset, e.Reason)
}

func fail(i int, reason string) error { return &SyntaxError{Offset: i, Reason: reason} }

// maxOpen is how many nested arrays and objects Skip can track.
const maxOpen = 128

// Space returns the index of the first byte at or after p[i] that is not white space.
func Space(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\n' || p[i] == '\t' || p[i] == '\r') {
		i++
	}
	return i
}

// Skip returns the index after the value that starts at p[i], or after white space there. Arrays and objects in the
// value may nest up to depth levels.
func Skip(p []byte, i, depth int) (int, error) {
	var object [maxOpen / 64]uint64 // one bit per open array or object: 1 for an object
	depth = min(depth, maxOpen)
	open := 0
	for {
		i = Space(p, i)
		if i >= len(p) {
			return i, fail(i, "unexpected end")
		}
		var err error
		switch c := p[i]; c {
		case '"':
			i, err = SkipString(p, i)
		case '{', '[':
			if open >= depth {
				return i, ErrDepth
			}
			bit := uint64(1) << (open % 64)
			i = Space(p, i+1)
			if i < len(p) && p[i] == c+2 { // '}' is '{'+2, ']' is '['+2
				i++
				break
			}
			if c == '[' {
				object[open/64] &^= bit
				open++
				continue
			}
			object[open/64] |= bit
			open++
			if i, err = skipKey(p, i); err == nil {
				continue
			}
		case 't':
			i, err = Literal(p, i, "true")
		case 'f':
			i, err = Literal(p, i, "false")
		case 'n':
			i, err = Literal(p, i, "null")
		default:
			i, err = SkipNumber(p, i)
		}
		if err != nil {
			return i, err
		}

		// A value has ended. Close the arrays and objects that end with it.
		for {
			if open == 0 {
				return i, nil
			}
			i = Space(p, i)
			if i >= len(p) {
				return i, fail(i, "unexpected end")
			}
			top := open - 1
			inObject := object[top/64]&(1<<(top%64)) != 0
			c := p[i]
			if c == ',' {
				i++
				if inObject {
					if i, err = skipKey(p, Space(p, i)); err != nil {
						return i, err
					}
				}
				break
			}
			if inObject && c != '}' || !inObject && c != ']' {
				return i, fail(i, "expected a comma or the end of the array or object")
			}
			i++
			open--
		}
	}
}

// skipKey returns the index after the key and the colon at p[i].
func skipKey(p []byte, i int) (int, error) {
	if i >= len(p) || p[i] != '"' {
		return i, fail(i, "expected a key")
	}
	i, err := SkipString(p, i)
	if err != nil {
		return i, err
	}
	return Colon(p, i)
}

// Colon returns the index after the colon at p[i], or after white space there.
func Colon(p []byte, i int) (int, error) {
	i = Space(p, i)
	if i >= len(p) || p[i] != ':' {
		return i, fail(i, "expected a colon")
	}
	return i + 1, nil
}

// Literal returns the index after word, which must start at p[i].
func Literal(p []byte, i int, word string) (int, error) {
	if len(p)-i < len(word) || string(p[i:i+len(word)]) != word {
		return i, fail(i, "expected "+word)
	}
	return i + len(word), nil
}

// SkipNumber returns the index after the number at p[i].
func SkipNumber(p []byte, i int) (int, error) {
	start := i
	if i < len(p) && p[i] == '-' {
		i++
	}
	switch {
	case i < len(p) && p[i] == '0':
		i++
	case i < len(p) && '1' <= p[i] && p[i] <= '9':
		i = digits(p, i)
	default:
		return start, fail(start, "expected a value")
	}
	if i < len(p) && p[i] == '.' {
		end := digits(p, i+1)
		if end == i+1 {
			return i, fail(i, "expected a digit after the point")
		}
		i = end
	}
	if i < len(p) && (p[i] == 'e' || p[i] == 'E') {
		i++
		if i < len(p) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		end := digits(p, i)
		if end == i {
			return i, fail(i, "expected a digit in the exponent")
		}
		i = end
	}
	return i, nil
}

func digits(p []byte, i int) int {
	for i < len(p) && '0' <= p[i] && p[i] <= '9' {
		i++
	}
	return i
}
