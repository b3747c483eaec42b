package conformance

import (
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var nameChecks = []check[*busCase]{
	{"ChannelsAreData", "A channel name is data: it may hold anything but NUL, and is compared byte by byte. Remote clients choose " +
		"namespaces; a name that is pasted into a statement is an injection, and one that is folded or cut lets a client into " +
		"another's namespace.", channelsAreData},
}

func channelsAreData(c *busCase) {
	one, two := c.bus(), c.bus()
	names := []string{
		"plain", "Plain", "PLAIN", "a", "ab", "abc", "a.b", "a/b", "a:b", "a*", "a?", "[ab]", "a.>", "#", "*",
		"it's", `say "hi"`, `""`, `''`, `back\slash`, `\`, "`", "$1", "$$", "%s%d", "?", "@p1", "{a}", "<a>", "&amp;",
		`"; NOTIFY x; --`, `'; DROP TABLE x; --`, "/* */", "\U0001F389 party", "été", "e\u0301te\u0301", "ДОМ", "дом", "ı", "I", "i",
		" leading", "trailing ", "two  spaces", "tab\t", "line\nbreak", "return\r\n", "\u00a0", "\ufeff", "\u2028", "\uffff", "\x01\x7f",
	}
	max := one.Limits().Channel
	long := 200
	if max > 0 {
		long = max - len(c.channel(""))
	}
	x := strings.Repeat("x", long-1)
	names = append(names, x+"1", x+"2", x)

	var all, some []transport.Message
	everything, half := c.open(two), c.open(two, "end")
	for i, name := range names {
		if max > 0 && len(c.channel(name)) > max {
			continue
		}
		m := c.msg(name, name)
		all = append(all, m)
		c.listen(everything, name)
		if i%2 == 0 {
			some = append(some, m)
			c.listen(half, name)
		}
	}
	called := fmt.Sprintf("Publish on each of %d channels with curious names", len(all))
	c.publish(one, all...)
	c.expect(everything, called, all...)
	c.expect(half, called+", half of which are listened to", some...)
	c.expectNothing(one, half, "end", called+", half of which are listened to")
}
