package conformance

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

func hostileLengthsAllocateLittle(c *codecChecker) {
	lengths := []string{"\xff\xff\xff\xff", "\x7f\xff\xff\xff", "\xdd\xff\xff\xff\xff", "\xdf\x7f\xff\xff\xff",
		"\xdb\x7f\xff\xff\xff", "\xc6\x7f\xff\xff\xff", "\x9a\x7f\xff\xff\xff",
		"\xba\x7f\xff\xff\xff", "\x7a\x7f\xff\xff\xff", "\x5a\x7f\xff\xff\xff",
		"\x9b\x00\x00\x00\x01\x00\x00\x00\x00", "\x9b\x00\x00\x00\x01\x00\x00\x00\x01",
		"\xbb\x00\x00\x00\x01\x00\x00\x00\x01", "\x7b\x00\x00\x00\x01\x00\x00\x00\x01",
		"\x5b\x00\x00\x00\x01\x00\x00\x00\x02", "\xdd\x00\xff\xff\xff", "\x9a\x00\xff\xff\xff",
		"\xdc\xff\xff", "\xde\xff\xff", "\x99\xff\xff", "\xb9\xff\xff"}
	const most = 2 << 20 // bytes allocated for a message of a few hundred
	for _, f := range forms {
		names, all := c.appendedSamples(f)
		for i, p := range all {
			if i%3 != 0 && i < len(all)-5 { // the last samples contain bytes
				continue
			}
			for k, length := range lengths {
				if f == codec.Text && k%3 > 0 { // the text form contains no binary lengths
					continue
				}
				places := c.breakPositions(p, k)
				called := fmt.Sprintf("%s of %d bytes, %v form, with the length %x", names[i], len(p), f, length)
				parse := func(n int) {
					q := append(bytes.Clone(p[:n]), length...)
					if n+len(length) < len(p) {
						q = append(q, p[n+len(length):]...)
					}
					c.parseForeign(fmt.Sprintf("%s at byte %d", called, n), q, f)
				}
				if allocatedBytes(func() {
					for _, n := range places {
						parse(n)
					}
				}) < 2*most {
					continue
				}
				for _, n := range places { // find the position that costs so much
					least := uint64(1 << 62)
					for try := 0; try < 100 && least > most; try++ { // other goroutines may allocate too
						least = min(least, allocatedBytes(func() { parse(n) }))
					}
					if least > most {
						c.fail(fmt.Sprintf("%s at byte %d, Parse, Append", called, n),
							fmt.Sprintf("at most %d bytes allocated", most), "%d", least)
					}
				}
			}
		}
	}
}

// allocatedBytes returns how many bytes the process allocates while f runs.
func allocatedBytes(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.Gosched() // give this goroutine a fresh time slice
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func deepNestingIsMalformed(c *codecChecker) {
	const levels = 200_000
	repeat := func(s string) []byte { return []byte(strings.Repeat(s, levels)) }
	for name, p := range map[string][]byte{
		"JSON arrays":    repeat("["),
		"JSON objects":   repeat(`{"a":`),
		"msgpack arrays": repeat("\x91"),
		"msgpack maps":   repeat("\x81\xa1a"),
		"CBOR arrays":    repeat("\x81"),
		"CBOR maps":      repeat("\xa1\x61a"),
		"CBOR tags":      repeat("\xc1"),
	} {
		for _, f := range forms {
			called := fmt.Sprintf("%d levels of %s, %v form", levels, name, f)
			if _, err := c.parseForeign(called, p, f); err == nil {
				c.fail(called+", Parse", "an error that wraps ErrMalformed", "no error")
			}
			if stack := stackGrowth(func() { _, _ = c.codec.Parse(p, f) }); stack > levels*20 {
				c.fail(called+", Parse",
					fmt.Sprintf("stack growth for at most %d levels, so that a message of 16 MiB cannot exhaust "+
						"the stack", codec.MaxDepth), "%d bytes of growth", stack)
			}
		}
	}
	// Where a message contains data as JSON, put deeper data in its place.
	const innermost = "innermost data"
	for _, s := range carriersOf("a text", c.newValue(innermost), false) {
		for _, f := range forms {
			p, _ := c.mustAppend(s, f)
			if bytes.Count(p, []byte(`"`+innermost+`"`)) != 1 || f == codec.Binary &&
				!bytes.Contains(p, []byte(`:"`+innermost+`"`)) {
				continue // in a binary form, a length may precede it
			}
			for _, levels := range []int{codec.MaxDepth + 1, codec.MaxDepth + 2, 128, 129, 256, 1000, 10_000, levels} {
				for _, b := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
					deep := strings.Repeat(b[0], levels) + "1" + strings.Repeat(b[1], levels)
					called := fmt.Sprintf("%v with %d levels of %s, %v form", s.env.Type, levels, b[0], f)
					if _, err := c.parseForeign(called, bytes.Replace(p, []byte(`"`+innermost+`"`), []byte(deep), 1),
						f); err == nil {
						c.fail(called+", Parse", "an error that wraps ErrMalformed", "no error")
					}
				}
			}
		}
	}
}

// stackGrowth returns by how many bytes the stack grows during a call of parse. Other goroutines may use or free stacks
// at the same time, so it returns the median of several measurements.
func stackGrowth(parse func()) int64 {
	var times [5]int64
	for i := range times {
		grown := make(chan int64)
		go func() {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			parse()
			runtime.ReadMemStats(&after)
			grown <- int64(after.StackInuse) - int64(before.StackInuse)
		}()
		times[i] = <-grown
	}
	slices.Sort(times[:])
	return times[len(times)/2]
}
