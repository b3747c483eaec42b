package conformance_test

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

// codecSizeMutants change data of some sizes only.
func codecSizeMutants() (all []mutant[conformance.CodecHarness]) {
	type size struct {
		name string
		is   func(n int) bool
	}
	var some []size
	for _, n := range []int{1, 15, 31, 255, 4096, 65_535} {
		some = append(some, size{fmt.Sprintf("more than %d", n), func(size int) bool { return size > n }})
	}
	for _, n := range []int{16, 256, 65_535, 65_536} {
		some = append(some, size{fmt.Sprintf("exactly %d", n), func(size int) bool { return size == n }})
	}
	some = append(some, size{"more than 4096, up to 8192", func(n int) bool { return n > 4096 && n <= 8192 }})

	for i, s := range some {
		all = append(all, texts("LargeDataRoundTrips", "loses the last character of texts of "+s.name,
			func(t string) string {
				if s.is(len(t)) {
					_, n := utf8.DecodeLastRuneInString(t)
					return t[:len(t)-n]
				}
				return t
			}))
		if i%2 == 0 {
			continue
		}
		all = append(all,
			data("LargeDataRoundTrips", "changes a bit of bytes of "+s.name, func(tree any) any {
				if p, ok := tree.([]byte); ok && s.is(len(p)) {
					p = bytes.Clone(p)
					p[len(p)/2] ^= 0x80
					return p
				}
				return tree
			}),
			data("LongListsRoundTrip", "swaps elements of lists of "+s.name, func(tree any) any {
				if list, ok := tree.([]any); ok && len(list) > 9 && s.is(len(list)) {
					list[len(list)-1], list[len(list)-2] = list[len(list)-2], list[len(list)-1]
				}
				return tree
			}),
			data("LongListsRoundTrip", "loses a key of objects of "+s.name, func(tree any) any {
				if o, ok := tree.(codec.Object); ok && len(o) > 9 && s.is(len(o)) {
					return o[1:]
				}
				return tree
			}))
	}
	for _, n := range []int{1, 15, 255, 65_535} {
		all = append(all, reading("LongListsRoundTrip", fmt.Sprintf("reads at most %d other arguments of an answer",
			n), func(env *codec.Envelope) {
			if rest, _ := env.Value.Rest().Elements(); len(rest) > n {
				tree, _ := env.Value.Rest().Tree()
				env.Value = env.Value.WithRest(codec.FromTree(tree.([]any)[:n]))
			}
		}))
	}
	for _, n := range []int{15, 255, 4096, 9999} {
		most := fmt.Sprintf(" at most %d", n)
		cut := func(names *[]string) { *names = (*names)[:min(n, len(*names))] }
		all = append(all,
			writing("ManyRoomsRoundTrip", "writes"+most+" rooms to join",
				func(env *codec.Envelope) { cut(&env.Rooms) }),
			writing("ManyRoomsRoundTrip", "writes"+most+" rooms", func(env *codec.Envelope) { cut(&env.Opts.Rooms) }),
			writing("ManyRoomsRoundTrip", "writes"+most+" exceptions",
				func(env *codec.Envelope) { cut(&env.Opts.Except) }),
			writing("ManyRoomsRoundTrip", "writes"+most+" sockets",
				func(env *codec.Envelope) { env.Sockets = env.Sockets[:min(n, len(env.Sockets))] }),
			reading("ManyRoomsRoundTrip", "reads"+most+" rooms of a socket", func(env *codec.Envelope) {
				for i := range env.Sockets {
					cut(&env.Sockets[i].Rooms)
				}
			}),
			reading("ManyRoomsRoundTrip", "reads"+most+" bytes of a room's name", func(env *codec.Envelope) {
				for i, name := range env.Opts.Rooms {
					env.Opts.Rooms[i] = name[:min(n, len(name))]
				}
			}))
	}
	return append(all,
		writing("ManyRoomsRoundTrip", "writes at most 65535 rooms",
			func(env *codec.Envelope) { env.Rooms = env.Rooms[:min(len(env.Rooms), 65535)] }),
		reading("ManyRoomsRoundTrip", "reads at most 65535 rooms of a socket", func(env *codec.Envelope) {
			for i, s := range env.Sockets {
				env.Sockets[i].Rooms = s.Rooms[:min(len(s.Rooms), 65535)]
			}
		}),
		writing("ManyRoomsRoundTrip", "writes at most 65535 sockets",
			func(env *codec.Envelope) { env.Sockets = env.Sockets[:min(len(env.Sockets), 65535)] }),
		texts("LargeDataRoundTrips", "writes lengths in 16 bits", func(s string) string { return s[:len(s)%65536] }),
		texts("LargeDataRoundTrips", "cuts characters between blocks of 4096 bytes", func(s string) string {
			if len(s) > 4096 && !utf8.RuneStart(s[4096]) {
				return strings.ToValidUTF8(s[:4096], "\ufffd") + strings.ToValidUTF8(s[4096:], "\ufffd")
			}
			return s
		}),
		texts("LargeDataRoundTrips", "loses the last byte of texts of a MiB or more", func(s string) string {
			if len(s) >= 1<<20 {
				return s[:len(s)-1]
			}
			return s
		}),
		data("LongListsRoundTrip", "writes the length of a list in 16 bits", func(tree any) any {
			if list, ok := tree.([]any); ok {
				return list[:len(list)%65536]
			}
			return tree
		}),
		breaksCodec("LargeDataRoundTrips", "refuses messages of more than a MiB", func(m *mutableCodec) {
			m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
				p, err := m.good.Append(dst, env, f)
				if len(p) > 1<<20 {
					return dst, errUnexpected
				}
				return p, err
			}
		}),
	)
}
