package jsontext

import (
	"encoding/binary"
	"math/bits"
)

// Most bytes of most strings stand for themselves. These functions pass over them eight at a time: a word is looked at as
// a whole, and taken apart only if one of its bytes may be special.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has a bit set if a byte of x is a quote, a backslash or a control character. The lowest such byte is exact, so a
// word without any is never reported; bytes from 0x80 on are not special.
func special(x uint64) uint64 {
	quote, backslash := x^ones*'"', x^ones*'\\'
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (x-ones*' ')&^x) & highs
}

// Plain returns the index of the first byte of p, from i on, that does not stand for itself in a string: the quote at its
// end, a backslash or a control character.
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

// asciiRun returns an index from i on up to which all bytes of s stand for themselves and are ASCII. It need not be the last.
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
