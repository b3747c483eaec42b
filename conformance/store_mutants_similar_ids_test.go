package conformance_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/backplane-go/backplane/conformance"
)

// idKinds are ids of different kinds.
var idKinds = map[string]func(n int) string{
	"number": strconv.Itoa,
	"hex":    func(n int) string { return idHash(n)[:32] },
	"UUID": func(n int) string {
		h := idHash(n)
		return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:32]
	},
	"base64": func(n int) string {
		sum := sha256.Sum256([]byte{byte(n), byte(n >> 8), byte(n >> 16)})
		return base64.RawURLEncoding.EncodeToString(sum[:16])
	},
	"padded":    func(n int) string { return fmt.Sprintf("%020d", n) },
	"key":       func(n int) string { return fmt.Sprintf("Body:%d:x", n) },
	"file":      func(n int) string { return fmt.Sprintf("2026/a%d.bin", n) },
	"timestamp": func(n int) string { return fmt.Sprintf("%d-%d", time.Now().UnixMilli(), n) },
}

func idHash(n int) string { return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, n))) }

// takesForSame returns a mutant that treats ids as equal if they are equal after change.
func takesForSame(bug, kind string, change func(string) string) mutant[conformance.StoreHarness] {
	return breaksHookStore("IDsMatchExactly", fmt.Sprintf("%s (%s)", bug, kind), func(hs *hookStore) {
		hs.nameBody = func(_ *hookStore, n int, _ []byte) string { return idKinds[kind](n) }
		hs.resolveID = func(hs *hookStore, id string) string {
			if hs.bodies[id] != nil {
				return id
			}
			id = change(id)
			for _, k := range hs.bodies {
				if change(k.id) == id {
					return k.id
				}
			}
			return ""
		}
	})
}

// similarIDMutants treat different ids as equal.
func similarIDMutants() []mutant[conformance.StoreHarness] {
	all := []mutant[conformance.StoreHarness]{
		takesForSame("ignores case", "hex", strings.ToLower), takesForSame("ignores case", "UUID", strings.ToUpper),
		takesForSame("ignores case", "base64", strings.ToLower), takesForSame("ignores case", "key", strings.ToLower),
		takesForSame("folds case as Unicode does", "key", func(id string) string {
			return strings.Map(func(r rune) rune {
				least := r
				for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
					least = min(least, next)
				}
				return least
			}, id)
		}),
		takesForSame("trims spaces", "number", strings.TrimSpace),
		takesForSame("trims spaces", "hex", strings.TrimSpace),
		takesForSame("trims spaces at the end", "base64", func(id string) string {
			return strings.TrimRight(id, " ")
		}),
		takesForSame("trims the end of the line", "key",
			func(id string) string { return strings.TrimSuffix(id, "\n") }),
		takesForSame("ends at NUL", "number",
			func(id string) string { before, _, _ := strings.Cut(id, "\x00"); return before }),
		takesForSame("trims leading zeros", "number", func(id string) string { return strings.TrimLeft(id, "0") }),
		takesForSame("trims leading zeros", "padded", func(id string) string { return strings.TrimLeft(id, "0") }),
		takesForSame("parses a sign", "number", func(id string) string { return strings.TrimPrefix(id, "+") }),
		takesForSame("parses any base", "number", anyBase), takesForSame("parses floating point", "number", floating),
		takesForSame("has 32 bits", "number", bits(32)), takesForSame("has 64 bits", "number", func(id string) string {
			n := uint64(0)
			for _, c := range []byte(id) {
				if c < '0' || c > '9' {
					return id
				}
				n = n*10 + uint64(c-'0')
			}
			return strconv.FormatUint(n, 10)
		}),
		takesForSame("parses leading digits only", "number", func(id string) string {
			return id[:len(id)-len(strings.TrimLeft(id, "0123456789"))]
		}),
		takesForSame("parses digits of other scripts", "number",
			func(id string) string { return strings.Map(asciiDigit, id) }),
		takesForSame("drops dashes", "UUID", func(id string) string { return strings.ReplaceAll(id, "-", "") }),
		takesForSame("drops braces", "UUID", func(id string) string { return strings.Trim(id, "{}") }),
		takesForSame("drops urn:uuid:", "UUID", func(id string) string { return strings.TrimPrefix(id, "urn:uuid:") }),
		takesForSame("ignores padding", "base64", func(id string) string { return strings.TrimRight(id, "=") }),
		takesForSame("ignores the last bits", "base64", func(id string) string {
			raw, err := base64.RawURLEncoding.DecodeString(id)
			if err != nil {
				return id
			}
			return string(raw)
		}),
		takesForSame("ignores which base64 alphabet is used", "base64",
			strings.NewReplacer("-", "+", "_", "/").Replace),
		takesForSame("decodes percent signs", "file",
			func(id string) string { text, _ := url.PathUnescape(id); return text }),
		takesForSame("decodes percent signs", "key",
			func(id string) string { text, _ := url.QueryUnescape(id); return text }),
		takesForSame("cleans paths", "file", path.Clean),
		takesForSame("takes the last part of a path", "hex", path.Base),
		takesForSame("ends at ?", "file", func(id string) string {
			before, _, _ := strings.Cut(id, "?")
			return before
		}),
		takesForSame("treats \\ as /", "file", func(id string) string { return strings.ReplaceAll(id, `\`, "/") }),
		takesForSame("applies normal form NFKC", "hex", func(id string) string {
			return strings.Map(func(r rune) rune {
				if r > 0xff00 && r < 0xff5f {
					return r - 0xfee0
				}
				return r
			}, id)
		}),
		takesForSame("drops invisible characters", "hex", func(id string) string {
			return strings.NewReplacer("\u200b", "", "\ufeff", "", "\u00ad", "").Replace(id)
		}),
		takesForSame("compares 8 bytes", "hex", func(id string) string { return id[:min(len(id), 8)] }),
		takesForSame("compares all but the first byte", "hex", func(id string) string { return id[min(len(id), 1):] }),
	}
	for kind := range idKinds {
		all = append(all, breaksHookStore("IDsMatchExactly", "ignores quotes ("+kind+")", func(hs *hookStore) {
			hs.nameBody = func(_ *hookStore, n int, _ []byte) string { return idKinds[kind](n) }
			hs.resolveID = func(_ *hookStore, id string) string { return strings.Trim(id, `"'`) }
		}))
	}
	return all
}

func anyBase(id string) string {
	if n, err := strconv.ParseInt(id, 0, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	return id
}

func floating(id string) string {
	if n, err := strconv.ParseFloat(id, 64); err == nil {
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	return id
}

func bits(bits int) func(string) string {
	return func(id string) string {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			return strconv.FormatInt(n&(1<<bits-1), 10)
		}
		return id
	}
}

func asciiDigit(r rune) rune {
	if unicode.IsDigit(r) && r >= '\u0660' && r <= '\u0669' {
		return r - '\u0660' + '0'
	}
	return r
}
