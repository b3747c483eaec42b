package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var nameChecks = []check[*busChecker]{
	{"ChannelNamesAreLiteral", "transport.Message.Channel",
		"A channel name is data: it may contain anything but NUL, and is compared byte by byte. Remote clients " +
			"choose namespaces: a name that is pasted into a statement is an injection, and a name that is " +
			"case-folded, hashed, truncated or used as a pattern lets a client into another client's namespace.",
		channelNamesAreLiteral},
	{"ChannelLimitIsInclusive", "transport.Limits.Channel",
		"A channel name of exactly Limits.Channel bytes works in Publish and Listen, whatever its characters; " +
			"without a limit, so does a name of 5,000 bytes. Otherwise a namespace with such a name receives " +
			"nothing, or the messages of another namespace whose name begins alike.", channelLimitIsInclusive},
	{"OverLongChannelIsRejected", "transport.Limits.Channel",
		"A channel name over Limits.Channel is an error of Publish, Listen and ListenAll. A name that is cut " +
			"silently merges two namespaces, or receives nothing forever.", overLongChannelIsRejected},
}

// distinctNames are pairs of names that a bus must not confuse.
var distinctNames = [][2]string{
	{"plain", "Plain"}, {"UPPER", "upper"}, {"prefix", "prefixed"}, {"dots.a", "dots.a.b"}, {"a/b", "a//b"},
	{"up/..", ".."}, {"here", "./here"},
	{"1", "01"}, {"a:b", "a::b"}, {`a\b`, "a/b"}, {"a.b", "a/b"}, {"a_b", "a b"}, {"order", "erdor"}, {"x,y", "x"},
	{"x;y", "y"}, {"-", "--"},

	// Patterns of SQL, the shell, regular expressions, Redis, NATS, AMQP and MQTT.
	{"*", "anything"}, {"a*", "abacus"}, {"a?", "ax"}, {"[ab]", "b"}, {"[^x]", "z"}, {`\*`, "star"},
	{"%", "everything"}, {"_", "w"}, {"like%", "liking"},
	{".*", "something"}, {"^.+$", "else"}, {"p|q", "q"}, {">", "token"}, {"t.>", "t.u"}, {"t.*", "t.v"},
	{"t.*.w", "t.u.w"}, {"#", "word"}, {"r.#", "r.s.t"},
	{"+", "level"}, {"l/+", "l/m"}, {"l/#", "l/m/n"}, {"l/+/n", "l/k/n"}, {"$share/g/l/m", "l/g"}, {"{h}", "{h}1"},

	// Characters that languages, protocols and shells quote, escape or expand.
	{"it's", "it''s"}, {`say "hi"`, `say ""hi""`}, {`""`, `"`}, {`''`, `'`}, {`\`, `\\`}, {`\n`, "\n"}, {"`", "``"},
	{"$1", "$2"}, {"$$", "$"}, {"%s", "%d"},
	{"%20", " "}, {"a+b", "a b"}, {"%41", "A"}, {"&amp;", "&"}, {"<a>", "<b>"}, {"@p1", "@p2"}, {"${HOME}", "~"},
	{"?", ":1"}, {"/* */", "/**/"}, {"=", "=="},
	{`"; NOTIFY x; --`, `'; DROP TABLE x; --`}, {"PUB x 1", "SUB x 1"}, {"a\r\nPING", "a\r\nPONG"}, {"null", "NULL"},

	// Spaces and control characters.
	{" leading", "leading"}, {"trailing ", "trailing"}, {"two  spaces", "two spaces"}, {"tab\t", "tab"},
	{"line\n", "line"}, {"return\r\n", "return\n"},
	{"\u00a0", "\u2007"}, {"\x01", "\x02"}, {"\x7f", "\x1f"}, {"\x1b[0m", "\x1b"}, {"\ufeff", "\ufeff\ufeff"},
	{"\u2028", "\u2029"}, {"\u200b", "\u200c"},

	// Characters that normalization, case folding or transcoding makes equal.
	{"été", "e\u0301te\u0301"}, {"ДОМ", "дом"}, {"ı", "I"}, {"i", "İ"}, {"ß", "ss"}, {"ſ", "s"}, {"\u212a", "K"},
	{"ﬁ", "fi"}, {"Ａ", "A A"}, {"²", "2"},
	{"\U0001F389 party", "\U0001F38A party"}, {"\U0001F389", "\uF389"}, {"š", "a"}, {"š", "\u0461"},
	{"\uffff", "\ufffd"}, {"\U0010ffff", "\U0010fffe"}, {"é", "Ã©"},

	// Names with equal hashes: CRC-32 (IEEE, Castagnoli), Adler-32, and h*31+c and h*33+c as in many languages.
	{"43795292", "58170027"}, {"30720522", "33451918"}, {"aca", "bab"}, {"Aa", "BB"}, {"ab", "bA"},
}

// distinctChannels returns the pairs as channel names, with some names that do not have this check's prefix.
func (c *busChecker) distinctChannels() (pairs [][2]string) {
	for _, pair := range distinctNames {
		pairs = append(pairs, [2]string{c.channel(pair[0]), c.channel(pair[1])})
	}
	for _, pair := range [][2]string{
		{"*", "x"}, {"?", "y"}, {"[a-z]", "a"}, {"+/", "z/"}, {"#/", "w/"}, {"*.", "v."}, {"$SYS/", "SYS/"},
		{"$", "$$"}, {"_INBOX.", "INBOX."}, {" ", "\t"}, {"/", "//"},
		{".", ".."}, {"-", "--"}, {"\u00e9", "e\u0301"}, {"__keyspace@0__:", "__keyevent@0__:"}, {`"`, `""`},
		{"'", "''"}, {"\n", "\r"},
		{"costarring", "liquid"}, {"creamwove", "quists"}, // equal hashes: FNV-1a and FNV-1
	} {
		pairs = append(pairs, [2]string{pair[0] + c.channelPrefix, pair[1] + c.channelPrefix})
	}
	return pairs
}

func channelNamesAreLiteral(c *busChecker) {
	pairs := c.distinctChannels()
	if limit := c.newBus().Limits().Channel; limit > 0 {
		pairs = slices.DeleteFunc(pairs, func(p [2]string) bool { return max(len(p[0]), len(p[1])) > limit })
	}
	c.expectDistinct(pairs, "Publish on channels with unusual names")
}

// expectDistinct makes one session listen to the first name of each pair and another session to the second, and
// fails the check unless each receives its own messages only.
func (c *busChecker) expectDistinct(pairs [][2]string, called string) {
	c.Helper()
	one, two := c.newBus(), c.newBus()
	var names [2][]string
	for _, pair := range pairs {
		first := 0 // the index of the session of the first name; the second name has the other session
		if slices.Contains(names[1], pair[0]) || slices.Contains(names[0], pair[1]) {
			first = 1
		}
		for i, name := range pair {
			if !slices.Contains(names[0], name) && !slices.Contains(names[1], name) {
				names[i^first] = append(names[i^first], name)
			}
		}
	}
	for round := range 2 {
		sessions := [2]transport.Session{c.open(two), c.open(two)}
		single, many := sessions[round], sessions[1-round]
		_, ok := many.(transport.MultiListener)
		alone, rest := names[round], []string(nil)
		if n := len(alone); ok { // with a slow bus, both sessions listen to most channels with ListenAll
			some := c.affordableRounds(4, 10, n)
			alone, rest = alone[:0:0], alone[:0:0]
			for i, name := range names[round] {
				if (i+round)*some/n != (i+round+1)*some/n {
					alone = append(alone, name)
				} else {
					rest = append(rest, name)
				}
			}
		}
		c.listenTo(single, ok, alone, rest)
		c.listenTo(many, ok, nil, names[1-round])
		c.expectOnlyOwn(one, sessions, names, called)
		for _, name := range alone {
			c.must("Unlisten "+quote(name), func(ctx context.Context) error { return single.Unlisten(ctx, name) })
		}
		still := names
		still[round] = rest
		c.listen(single, "end")
		c.publishOn(one, alone)
		c.expectOnlyOwn(one, sessions, still, called+"; the session that listened to it has called Unlisten")
		c.expectNothing(one, single, "end", "Unlisten, "+called)
		for _, s := range sessions {
			c.close(s, "Close")
		}
		if !ok {
			return // the other round would be the same
		}
	}
}

// listenTo calls Listen for some names, and ListenAll for the rest if the session supports it.
func (c *busChecker) listenTo(s transport.Session, multi bool, alone, rest []string) {
	c.Helper()
	if !multi {
		alone, rest = append(alone, rest...), nil
	}
	for _, name := range alone {
		c.must("Listen "+quote(name), func(ctx context.Context) error { return s.Listen(ctx, name) })
	}
	if multi {
		c.must("ListenAll to channels with unusual names", func(ctx context.Context) error {
			return s.(transport.MultiListener).ListenAll(ctx, rest...)
		})
	}
}

// expectOnlyOwn publishes on all names, and fails the check unless each session receives its own messages only.
func (c *busChecker) expectOnlyOwn(bus transport.Bus, sessions [2]transport.Session, names [2][]string, called string) {
	c.Helper()
	for start := 0; start < max(len(names[0]), len(names[1])); start += channelBatch {
		var want [2][]transport.Message
		for i := range names {
			want[i] = c.publishOn(bus, names[i][min(start, len(names[i])):min(start+channelBatch, len(names[i]))])
		}
		for i, s := range sessions {
			c.expect(s, called+"; each of two sessions listens to some of them", want[i]...)
		}
	}
}

// publishOn publishes a message on each channel, whose payload is the channel's name, truncated if necessary.
func (c *busChecker) publishOn(bus transport.Bus, names []string) (msgs []transport.Message) {
	c.Helper()
	for _, name := range names {
		msgs = append(msgs, transport.Message{Channel: name, Payload: []byte(truncate(name, transport.MinPayload))})
	}
	c.publish(bus, msgs...)
	return msgs
}

// fillCharacters need the most room, or have a special meaning, in encodings that a bus may use for a name.
var fillCharacters = []string{"n", "é", "€", "\U0001F389", `"`, "'", `\`, "`", "*", ">", "+", "#", "?", "[", "]", "{",
	".", "/", "$", "%", "&", " ", "\t", "\n", "\r\n", "\x01", "\x7f"}

func channelLimitIsInclusive(c *busChecker) {
	size := c.newBus().Limits().Channel
	if size == 0 {
		size = 5000
	}
	room := size - len(c.channel(""))
	var pairs [][2]string
	for _, with := range fillCharacters {
		n := len(with)
		for _, name := range []string{
			strings.Repeat("f", room%n) + strings.Repeat(with, room/n),
			with + strings.Repeat("f", room-2*n) + with,
		} {
			pairs = append(pairs, [2]string{c.channel(name), c.channel(name[:room-n] + strings.Repeat("z", n))})
		}
	}
	// Long names that only case folding or trimming makes equal.
	for _, n := range []int{transport.MinChannel, 100, size} {
		if n > size {
			continue
		}
		name := c.channel(strings.Repeat("n", n-1-len(c.channel(""))))
		for _, pair := range [][2]string{{"/", ""}, {"", " "}, {"a", "A"}, {".", "b"}, {"_", "-"}, {`\`, "/"}} {
			pairs = append(pairs, [2]string{name + pair[0], name + pair[1]})
		}
	}
	// Names with equal beginnings, and the beginnings themselves.
	for _, n := range []int{16, 20, 24, 31, 32, 39, 40, 47, 48, 62, 63, 64, 79, 80, 100, 127, 128, 200, 255, 256, 500,
		511, 512, 767, size - 2, size - 1} {
		if n < size && n > len(c.channel("")) {
			name := c.channel(strings.Repeat("n", n-len(c.channel(""))))
			rest := strings.Repeat("r", size-n-1)
			pairs = append(pairs, [2]string{name + "1", name + "2"}, [2]string{name + "3" + rest, name + "4" + rest},
				[2]string{name + "5", name})
		}
	}
	c.expectDistinct(pairs, fmt.Sprintf("Publish on channels with names of up to %d bytes", size))
}

func overLongChannelIsRejected(c *busChecker) {
	bus := c.newBus()
	limit := bus.Limits().Channel
	if limit == 0 {
		c.Skip("Limits.Channel is 0: there is no limit to exceed")
	}
	room := limit - len(c.channel(""))
	for _, name := range []string{
		strings.Repeat("n", room+1),
		strings.Repeat("n", room-1) + "é",
		strings.Repeat("é", room/2+1),
		strings.Repeat("n", room-3) + "\U0001F389",
		strings.Repeat("n", room) + " ",
		strings.Repeat("n", 4*room),
	} {
		m := c.message(name, "x")
		c.expectRejectedAlone(fmt.Sprintf("a channel name of %d bytes (limit %d)", len(m.Channel), limit), m)
		for _, call := range listenCalls(c.open(bus)) {
			if !call.rejectsLongNames {
				continue
			}
			s := c.open(bus)
			called := fmt.Sprintf("%s with a name of %d bytes (limit %d)", call.name, len(m.Channel), limit)
			if err := c.call(called,
				func(ctx context.Context) error { return call.call(ctx, s, m.Channel) }); err == nil {
				c.fail(called, "an error", "no error")
			}
		}
	}
}
