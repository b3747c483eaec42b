package conformance_test

import (
	"context"
	"errors"
	"hash/adler32"
	"hash/crc32"
	"hash/fnv"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var nameMutants = slices.Concat(renameMutants(), patternMutants(), longNameMutants(), []mutant[conformance.Harness]{
	breaks("ChannelNamesAreLiteral", "pastes names into statements", func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				if strings.Contains(channel, `"`) {
					return errors.New("syntax error")
				}
				return s.Session.Listen(ctx, channel)
			}
		}
	}),
	breaks("ChannelNamesAreLiteral", "pastes names into the statements of Unlisten", func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			s.unlisten = func(ctx context.Context, channel string) error {
				before, _, _ := strings.Cut(channel, "'")
				return s.Session.Unlisten(ctx, before)
			}
		}
	}),
	breaks("ChannelNamesAreLiteral", "separates the channels of ListenAll by commas", func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			s.listenAll = func(ctx context.Context, channels []string) error {
				return s.Session.(transport.MultiListener).ListenAll(ctx,
					strings.Split(strings.Join(channels, ","), ",")...)
			}
		}
	}),
})

// renames are what a bus may turn a name into.
var renames = map[string]func(string) string{
	"folds case, as an unquoted identifier does": strings.ToLower,
	"folds case of ASCII": func(s string) string {
		return mapASCII(s, func(r rune) rune { return []rune(strings.ToLower(string(r)))[0] })
	},
	"cuts names to 11 bytes":         cutTo(11),
	"trims names":                    strings.TrimSpace,
	"trims names at their end":       func(s string) string { return strings.TrimRight(s, " \t\r\n") },
	"trims names at their beginning": func(s string) string { return strings.TrimLeft(s, " \t\r\n") },
	"removes quotes": func(s string) string {
		return strings.NewReplacer(`"`, "", `'`, "", "`", "").Replace(s)
	},
	"halves doubled quotes": func(s string) string {
		return strings.NewReplacer(`""`, `"`, `''`, `'`).Replace(s)
	},
	"halves backslashes": func(s string) string { return strings.ReplaceAll(s, `\\`, `\`) },
	"expands escapes": func(s string) string {
		return strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(s)
	},
	"halves dollars":                  func(s string) string { return strings.ReplaceAll(s, "$$", "$") },
	"decodes names as parts of a URL": func(s string) string { return ignoreError(url.QueryUnescape(s)) },
	"cleans names as file paths":      path.Clean,
	"merges spaces": func(s string) string {
		return strings.Join(strings.FieldsFunc(s, isSpace), " ")
	},
	"converts line ends":         func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") },
	"ends names at a line's end": func(s string) string { return textBefore(s, "\n") },
	"ends names at a space":      func(s string) string { return textBefore(s, " ") },
	"ends names at a comma":      func(s string) string { return textBefore(s, ",") },
	"drops control characters": func(s string) string {
		return mapASCII(s, func(r rune) rune { return dropIf(r, r < ' ' || r == 0x7f) })
	},
	"replaces non-word characters by underscores": func(s string) string {
		return regexp.MustCompile(`\W`).ReplaceAllString(s, "_")
	},
	"supports the basic multilingual plane only": func(s string) string { return mapAbove(s, 0xffff) },
	"supports Latin-1 only":                      func(s string) string { return mapAbove(s, 0xff) },
	"composes accents": func(s string) string {
		return strings.ReplaceAll(s, "e\u0301", "é")
	},
	"drops byte order marks": func(s string) string { return strings.ReplaceAll(s, "\ufeff", "") },
	"drops leading zeros": func(s string) string {
		return regexp.MustCompile(`\b0+(\d)`).ReplaceAllString(s, "$1")
	},
	"treats backslashes as slashes": func(s string) string { return strings.ReplaceAll(s, `\`, "/") },
	"keeps 16 bits of a character": func(s string) string {
		return strings.Map(func(r rune) rune { return r & 0xffff }, s)
	},
	"keeps 8 bits of a character": func(s string) string {
		return strings.Map(func(r rune) rune { return r & 0xff }, s)
	},
	"hashes names with CRC-32": func(s string) string {
		return strconv.Itoa(int(crc32.ChecksumIEEE([]byte(s))))
	},
	"hashes names with CRC-32C": func(s string) string {
		return strconv.Itoa(int(crc32.Checksum([]byte(s), crc32.MakeTable(crc32.Castagnoli))))
	},
	"hashes names with Adler-32": func(s string) string { return strconv.Itoa(int(adler32.Checksum([]byte(s)))) },
	"hashes names with FNV-1a": func(s string) string {
		h := fnv.New32a()
		h.Write([]byte(s))
		return strconv.Itoa(int(h.Sum32()))
	},
	"hashes names with FNV-1": func(s string) string {
		h := fnv.New32()
		h.Write([]byte(s))
		return strconv.Itoa(int(h.Sum32()))
	},
	"hashes names with the factor 31": func(s string) string { return multiplyHash(s, 31) },
	"hashes names with the factor 33": func(s string) string { return multiplyHash(s, 33) },
}

// renameMutants change names, or use changed names only to decide which sessions receive a message.
func renameMutants() (mutants []mutant[conformance.Harness]) {
	for bug, rename := range renames {
		if !strings.HasPrefix(bug, "hashes") {
			mutants = append(mutants, renaming("ChannelNamesAreLiteral", bug, rename))
		}
		mutants = append(mutants, matching("ChannelNamesAreLiteral", bug+" to select the sessions",
			func(listening, channel string) bool {
				return rename(listening) == rename(channel)
			}))
	}
	return mutants
}

// patternMutants treat the names that sessions listen to as patterns, or the names that are published on.
func patternMutants() (mutants []mutant[conformance.Harness]) {
	for bug, match := range map[string]func(pattern, name string) bool{
		"prefixes": func(pattern, name string) bool { return strings.HasPrefix(name, pattern) },
		"suffixes": func(pattern, name string) bool {
			return strings.HasSuffix(name, pattern[min(8, len(pattern)):]) && len(pattern) > 9
		},
		"patterns of the shell": func(pattern, name string) bool { return ignoreError(path.Match(pattern, name)) },
		"patterns of LIKE": func(pattern, name string) bool {
			return matchesTranslated(pattern, name, "", "%", ".*", "_", ".")
		},
		"regular expressions": func(pattern, name string) bool {
			return ignoreError(regexp.MatchString("^(?:"+pattern+")$", name))
		},
		"subjects of NATS": func(pattern, name string) bool {
			return matchesTranslated(pattern, name, `\.`, "*", `[^.]+`, ">", ".+")
		},
		"routing keys of AMQP": func(pattern, name string) bool {
			return matchesTranslated(pattern, name, `\.`, "*", `[^.]+`, "#", ".*")
		},
		"topic filters of MQTT": func(pattern, name string) bool {
			return matchesTranslated(pattern, name, "/", "+", `[^/]*`, "#", ".*")
		},
		"names with sorted characters": func(pattern, name string) bool {
			return sortedBytes(pattern) == sortedBytes(name)
		},
		"lists separated by commas": func(pattern, name string) bool {
			return slices.Contains(strings.Split(pattern, ","), name)
		},
	} {
		mutants = append(mutants,
			matching("ChannelNamesAreLiteral", "treats the names of Listen as "+bug,
				func(listening, channel string) bool {
					return listening == channel || match(listening, channel)
				}),
			matching("ChannelNamesAreLiteral", "treats the names of Publish as "+bug,
				func(listening, channel string) bool {
					return listening == channel || match(channel, listening)
				}))
	}
	return mutants
}

// matchesTranslated matches a pattern whose wildcards stand for regular expressions. With a separator, they
// stand for whole words.
func matchesTranslated(pattern, name, separator string, wildcards ...string) bool {
	words, by := strings.Split(pattern, ""), ""
	if separator != "" {
		by = separator
		words = strings.Split(pattern, strings.TrimPrefix(separator, `\`))
	}
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
		for j := 0; j < len(wildcards); j += 2 {
			if word == wildcards[j] {
				words[i] = wildcards[j+1]
			}
		}
	}
	return ignoreError(regexp.MatchString("(?s)^"+strings.Join(words, by)+"$", name))
}

// matching returns a mutant in which a rule decides which sessions receive a message.
func matching(check, bug string, rule func(listening, channel string) bool) mutant[conformance.Harness] {
	return breaks(check, bug, func(_ *testing.T, b *bus) {
		b.useOneChannel(func(channel string, listening map[string]int) int {
			for name := range listening {
				if rule(name, channel) {
					return 1
				}
			}
			return 0
		})
	})
}

// renaming returns a mutant that changes channel names in Publish and Listen.
func renaming(check, bug string, rename func(string) string) mutant[conformance.Harness] {
	return breaks(check, bug, func(t *testing.T, b *bus) {
		b.changeEach(func(m *transport.Message) { m.Channel = rename(m.Channel) })
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error { return s.Session.Listen(ctx, rename(channel)) }
			s.unlisten = func(ctx context.Context, channel string) error {
				return s.Session.Unlisten(ctx, rename(channel))
			}
			s.listenAll = s.listenEach
		}
	})
}

func cutTo(n int) func(string) string { return func(s string) string { return s[:min(n, len(s))] } }

func ignoreError[T any](value T, _ error) T { return value }

func textBefore(s, end string) string {
	s, _, _ = strings.Cut(s, end)
	return s
}

func sortedBytes(s string) string {
	letters := []byte(s)
	slices.Sort(letters)
	return string(letters)
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

func mapASCII(s string, to func(rune) rune) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7f {
			return r
		}
		return to(r)
	}, s)
}

func dropIf(r rune, drop bool) rune {
	if drop {
		return -1
	}
	return r
}

func mapAbove(s string, most rune) string {
	return strings.Map(func(r rune) rune {
		if r > most {
			return '?'
		}
		return r
	}, s)
}

func multiplyHash(s string, by uint32) string {
	var h uint32
	for i := range len(s) {
		h = h*by + uint32(s[i])
	}
	return strconv.Itoa(int(h))
}
