package conformance

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// affixes are what parsers, servers and file systems ignore before or after a name.
var affixes = []string{" ", "\t", "\n", "\r\n", "\v", "\u00a0", "\u2003", "\u200b", "\ufeff", "\u00ad", "\x00",
	"\x7f", "\xff", "0", "00", "+", "-", "/", "./", "/.", "//", "../x/", ".", "_", ",", ";", "'", `"`,
	"`", "%", "*", "?", "#", "#x", "?x=1", "%20", "%00", "\u0301", "\ufe0f", strings.Repeat(" ", 256),
	strings.Repeat("0", 256), "=", "==", "0x", "0b", "0o", "x", "n", "L", ".0", "e0", "::bigint", "urn:uuid:", "$",
	"\\"}

// similarIDs returns strings that differ from id but that a store may treat as the same. The kind of the id,
// such as a number, a UUID, hex or base64, is unknown, so all variants are tried.
func similarIDs(id string) (all []string) {
	if !utf8.ValidString(id) || id == "" {
		return nil
	}
	for _, affix := range affixes {
		all = append(all, affix+id, id+affix)
	}
	all = append(all, "{"+id+"}", "("+id+")", `"`+id+`"`, " "+id+" ", id[:1]+" "+id[1:], id[:1]+"_"+id[1:],
		id[:1]+"\x00"+id[1:], id+"\x00"+id, id+"/../"+id, id+" "+id, id+","+id)
	all = append(all, id[1:], id[:len(id)-1], strings.TrimLeft(id, "0"), strings.TrimRight(id, "="),
		strings.Trim(id, "-_/:."))
	for _, change := range []func(rune) rune{unicode.ToUpper, unicode.ToLower, unicode.ToTitle, otherCase, fullWidth,
		arabicDigit, superscript, caseFolding, cyrillic} {
		all = append(all, strings.Map(change, id))
		for i, r := range id { // one character alone
			all = append(all, id[:i]+string(change(r))+id[i+len(string(r)):])
		}
	}
	for _, mark := range []string{"-", "_", ":", "/", ".", "+", "="} {
		all = append(all, strings.ReplaceAll(id, mark, ""))
		for _, other := range []string{"-", "_", "/", "+", " ", "%2F", "\\"} {
			all = append(all, strings.ReplaceAll(id, mark, other))
		}
	}
	all = append(all, percentEncoded(id), fmt.Sprintf("%%%02X", id[0])+id[1:], fmt.Sprintf("%%%02x", id[0])+id[1:],
		fmt.Sprintf(`\u%04x`, id[0])+id[1:], fmt.Sprintf(`\x%02x`, id[0])+id[1:],
		fmt.Sprintf("&#%d;", id[0])+id[1:], url.QueryEscape(id), url.PathEscape(id), hex.EncodeToString([]byte(id)),
		base64.StdEncoding.EncodeToString([]byte(id)))
	all = append(append(all, numberForms(id)...), unusedBitForms(id)...)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(v string) bool { return v == id })
}

func otherCase(r rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}

// fullWidth returns the character that Unicode's normal form NFKC treats as equal to an ASCII character.
func fullWidth(r rune) rune {
	if r > ' ' && r <= '~' {
		return r + 0xfee0
	}
	return r
}

// These characters look like others, or are equal to them after normalization.
var (
	arabicDigit = substituting("0123456789", "٠١٢٣٤٥٦٧٨٩")
	superscript = substituting("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
	cyrillic    = substituting("aceopxABCEHKMOPTX", "асеорхАВСЕНКМОРТХ")
)

// substituting returns a func that replaces each character of usual by the one at the same place of others.
func substituting(usual, others string) func(rune) rune {
	return func(r rune) rune {
		if i := strings.IndexRune(usual, r); i >= 0 {
			return []rune(others)[i]
		}
		return r
	}
}

// caseFolding returns what equals an ASCII letter when case is ignored: the Kelvin sign and the long s.
func caseFolding(r rune) rune {
	switch r {
	case 'k', 'K':
		return '\u212a'
	case 's', 'S':
		return '\u017f'
	}
	return r
}

// percentEncoded encodes every byte with a percent sign.
func percentEncoded(id string) string {
	var b strings.Builder
	for _, c := range []byte(id) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// numberForms returns other ways to write a number, and the numbers that are equal to it in fewer bits.
func numberForms(id string) (all []string) {
	for base := range 2 {
		n, ok := new(big.Int).SetString(id, []int{10, 16}[base])
		if !ok {
			continue
		}
		all = append(all, "0x"+n.Text(16), n.Text(16), n.Text(36), n.Text(8), "0"+n.Text(8), n.Text(2), n.String(),
			n.String()+".", n.String()+".0", n.String()+".4", n.String()+"e0",
			"0."+n.String(), new(big.Int).Neg(n).String())
		for _, bits := range []uint{8, 16, 31, 32, 53, 63, 64, 128} {
			all = append(all, new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), bits)).Text([]int{10, 16}[base]))
		}
	}
	return all
}

// unusedBitForms returns ids that differ in the bits of the last character that base64 and base32 do not use.
func unusedBitForms(id string) (all []string) {
	body := strings.TrimRight(id, "=")
	if body == "" {
		return nil
	}
	last := body[len(body)-1]
	for _, alphabet := range []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"} {
		if at := strings.IndexByte(alphabet, last); at >= 0 {
			for i := range 16 {
				if other := at ^ i; other < len(alphabet) {
					all = append(all, body[:len(body)-1]+string(alphabet[other])+id[len(body):])
				}
			}
		}
	}
	return all
}
