package jsontext

import (
	"encoding/binary"
	"math/bits"
)

// Most bytes of most strings are literal: they need no escape and do not end the string. The functions here
// scan eight bytes at a time and look at single bytes only where one of the eight may not be literal.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special sets a bit if a byte of x is a quote, a backslash or a control character. The lowest bit that is set is
// exact, so it is never set in a word without such a byte. Bytes from 0x80 on are not special.
func special(x uint64) uint64 {
	quote, backslash := x^ones*'"', x^ones*'\\'
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (x-ones*' ')&^x) & highs
}

// Plain returns the index of the first byte of p, from i on, that is not literal in a string: the closing quote, a
// backslash or a control character.
func Plain(p []byte, i int) int {
	for ; i+8 <= len(p); i += 8 {
		if x := special(binary.LittleEndian.Uint64(p[i:])); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < len(p) && plain[p[i]] {
		i++
	}
	return i
}

// asciiRun returns an index from i on. All bytes of s before it are literal and ASCII. It may stop early.
func asciiRun(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		x := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		if special(x)|x&highs != 0 {
			return i
		}
	}
	return i
}
