package conformance

import (
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/transport"
)

var logChannelChecks = []check[*logChecker]{
	{"ChannelsHaveLogsOfTheirOwn", "transport.Log",
		"Each channel has a log of its own: what is kept on one appears in no other, also when one Append has " +
			"messages of several. A client must not see the messages of another namespace.",
		channelsHaveLogsOfTheirOwn},
	{"LoggedChannelNamesAreLiteral", "transport.Message.Channel",
		"The name of a channel is data for the log, too: it may contain anything but NUL, and is compared byte by " +
			"byte. Remote clients choose namespaces.", loggedChannelNamesAreLiteral},
}

func channelsHaveLogsOfTheirOwn(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	names := []string{c.channel("a"), c.channel("b"), c.channel("c")}
	want, begin := make(map[string][]string), make(map[string]transport.Position)
	for _, name := range names {
		begin[name] = c.begin(one, name)
	}
	var sent []transport.Record
	for i := range 60 {
		name, payload := names[i*i%7%3], fmt.Sprint("message ", i)
		sent = append(sent, keep(name, payload)...)
		want[name] = append(want[name], payload)
	}
	sessions := make(map[string]transport.LogSession)
	for _, name := range names {
		sessions[name] = c.openLog(two, name)
	}
	c.append(one, sent[:40]...)
	c.appendEach(two, sent[40:]...)
	for _, name := range names {
		const called = "Append to three channels"
		all := c.replayAll(two, name, begin[name], transport.ReadLimit{})
		c.expectPayloads(called+", Replay of one", all, want[name])
		c.expectSame(called+", ReceiveRecord of one", c.receive(sessions[name], called, len(all)), all)
		latest := c.latest(one, name, transport.Offset{}, transport.ReadLimit{Records: 5})
		c.expectSamePositions(called+", Latest of one", latest, all[len(all)-5:])
		if end := c.end(one, name); end != all[len(all)-1].Position() {
			c.fail(called+", Bounds of one", "Newest at "+showPosition(all[len(all)-1].Position()), "%s",
				showPosition(end))
		}
	}
}

func loggedChannelNamesAreLiteral(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	var names []string
	add := func(name string) {
		if limit := one.Limits().Channel; (limit == 0 || len(name) <= limit) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, pair := range distinctNames {
		add(c.channel(pair[0]))
		add(c.channel(pair[1]))
	}
	for _, start := range []string{"*", "%", "_", "[a-z]", " ", "/", ".", "'", `"`, `\`, "\n", "é", "e\u0301"} {
		add(start + c.prefix)
	}
	long := one.Limits().Channel
	if long == 0 {
		long = 1000
	}
	fill := c.channel(sizedText(long - len(c.channel(""))))
	add(fill)
	add(fill[:long-1])
	add(fill[:long-1] + "z")
	begin, epoch := make(map[string]transport.Position), ""
	for _, name := range names {
		begin[name] = c.begin(two, name)
		epoch = begin[name].Epoch
	}
	var sent []transport.Record
	for i, name := range names {
		sent = append(sent, keep(name, fmt.Sprint("message ", i))...)
	}
	c.append(one, sent...)
	for i, name := range names {
		got := c.replay(two, name, begin[name], transport.ReadLimit{})
		c.expectPayloads("Append to channels with unusual names, Replay of "+quote(name), got,
			[]string{fmt.Sprint("message ", i)})
		if got[0].Epoch != epoch {
			c.fail("Replay of "+quote(name), fmt.Sprintf("the epoch %q", epoch), "%q", got[0].Epoch)
		}
		latest := c.latest(one, name, transport.Offset{}, transport.ReadLimit{})
		c.expectPayloads("Append to channels with unusual names, Latest of "+quote(name), latest, payloadsOf(got))
	}
}
