package conformance

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

var dialectChannelChecks = []check[*dialectChecker]{
	{"MessagesReachTheirNodes", "dialect.Route.Channel",
		"The channel of a message is one that all nodes of its namespace listen to, whatever their uids. That of an " +
			"answer is one that the node listens to whose request it answers (RequesterUID).", messagesReachTheirNodes},
	{"ChannelNamesSuitTheBus", "transport.Limits.Channel",
		"Names of channels are not empty, valid UTF-8 without NUL, and within Limits.Channel, whatever the " +
			"namespaces, rooms and uids. PostgreSQL cuts a longer name and then hears nothing.",
		channelNamesSuitTheBus},
	{"UnusableNamesAreRefused", "dialect.Wire.Namespace",
		"A namespace whose name the dialect or the bus cannot carry is a *fault.NameError that says which name; all " +
			"others work. Remote clients choose namespaces.", unusableNamesAreRefused},
	{"RoutesAreConstant", "dialect.Route",
		"Namespace, Listen and Channel return the same whenever they are called, and changes of a result do not " +
			"affect the next one. After an outage a node listens to everything again.", routesAreConstant},
	{"ProcessChannelIsItsOwn", "package dialect, The process's own namespace",
		"No namespace listens to the channel of the process's own namespace, whatever its name. It carries only " +
			"what processes tell themselves: peers would take it for messages of another node.",
		processChannelIsItsOwn},
}

// trickyNamespaces are names of namespaces that a dialect may refuse, except for the first two.
var trickyNamespaces = []string{"/", "/chat", "/chat2", "/chat/", "/Chat", "/chat#", "/chat#room", "/chat#room#", "/#",
	"/##", "//", "/chat/room", "/a#b#c", "/a", "/*", "/chat*", "/chat ", "/ chat", `/"quoted"`, `/'\`, "/名前", "/é",
	"/e\u0301", "/\U0001F389", "/%2Fchat", "/chat\n", "/\u202e", "/-request#/chat", "/chat#/x", "/x", "/chat#*",
	"/null",
	"/" + sampleUID, "/" + otherUID, "/chat#" + otherUID}

// namespaces returns the tricky names that the dialect accepts, and the longest one.
func (n *wireNode) namespaces() (names []string) {
	n.Helper()
	for i, name := range trickyNamespaces {
		if i < 2 {
			n.route(name, sampleUID)
		} else if _, err := n.tryRoute(name, sampleUID); err != nil {
			continue
		}
		names = append(names, name)
	}
	return append(names, n.longestName("x"), n.longestName("é"))
}

// longestName returns the longest name of a namespace that consists of this text and is accepted.
func (n *wireNode) longestName(text string) string {
	n.Helper()
	good, bad := 1, 2048
	name := func(length int) string { return "/" + strings.Repeat(text, length) }
	if _, err := n.tryRoute(name(bad), sampleUID); err == nil {
		return name(bad)
	}
	if _, err := n.tryRoute(name(good), sampleUID); err != nil {
		return "/"
	}
	for good+1 < bad {
		middle := (good + bad) / 2
		if _, err := n.tryRoute(name(middle), sampleUID); err == nil {
			good = middle
		} else {
			bad = middle
		}
	}
	return name(good)
}

func messagesReachTheirNodes(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, nsp := range n.namespaces() {
			own := n.route(nsp, sampleUID)
			for _, uid := range []string{sampleUID, otherUID, "ffffffffffffffff"} {
				other := n.route(nsp, uid)
				for _, s := range append(c.samplesIn(nsp), c.references(nsp, "1")...) {
					if s.env.Type.Response() {
						s = with([]sample{s}, func(env *codec.Envelope) { env.RequesterUID = uid })[0]
					}
					if _, ok := n.append(s); ok {
						n.expectHeard(s, n.channel(own, s), n.heardBy(other, s.env), "the node "+quote(uid))
					}
				}
			}
		}
		s := c.heartbeat()
		n.expectHeard(s, n.channel(n.route("", sampleUID), s), n.listen(n.route("", otherUID)), "another process")
	})
}

func (n *wireNode) expectHeard(s sample, channel string, heard []string, who string) {
	n.Helper()
	if len(hears(heard, channel)) == 0 {
		n.fail(fmt.Sprintf("%s, Channel", n.called(s)), fmt.Sprintf("one of the channels of %s: %s", who,
			namesOf(heard)),
			"%s", quote(channel))
	}
}

func channelNamesSuitTheBus(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, nsp := range append(n.namespaces(), "") {
			for _, uid := range []string{sampleUID, codec.EmitterUID} {
				called := n.calledNamespace(nsp, uid)
				r := n.route(nsp, uid)
				n.expectNamesFit(called+", Listen", n.listen(r)...)
				if nsp == "" {
					n.expectNamesFit(called+", Channel", n.channel(r, c.heartbeat()))
					continue
				}
				for _, room := range []string{"", "room", "a#b", "\x00", asciiText(1000), unicodeText(1000)} {
					for _, s := range append(c.samplesIn(nsp), c.references(nsp, "1")...) {
						if selectsSockets(s.env.Type) && s.env.RequestID == "" {
							s = with([]sample{s}, func(env *codec.Envelope) { env.Opts.Rooms = []string{room} })[0]
						}
						if _, ok := n.append(s); ok {
							n.expectNamesFit(n.called(s)+" to the room "+quote(room)+", Channel", n.channel(r, s))
						}
					}
				}
			}
		}
	})
}

func (n *wireNode) expectNamesFit(called string, channels ...string) {
	n.Helper()
	most := n.options.Limits.Channel
	for _, channel := range channels {
		if strings.HasSuffix(called, ", Listen") {
			channel, _ = transport.CutPrefixName(channel)
		}
		switch {
		case channel == "" || !utf8.ValidString(channel) || strings.IndexByte(channel, 0) >= 0:
			n.fail(called, "a name that is not empty, valid UTF-8 and without NUL", "%s", quote(channel))
		case most > 0 && len(channel) > most:
			n.fail(called, fmt.Sprintf("a name of at most %d bytes", most), "%s of %d bytes", quote(channel),
				len(channel))
		}
	}
}

func unusableNamesAreRefused(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		var names []string
		for _, text := range invalidTexts {
			names = append(names, "/"+text, "/chat"+text, text)
		}
		names = append(names, "/\x00", "/chat\x00x", "chat", " /", "#", n.longestName("x")+"x", n.longestName("é")+"é",
			n.longestName("x")+"\U0001F389", "/"+asciiText(100_000), "/"+strings.Repeat("/", 5000),
			"/"+strings.Repeat(`"`, 3000), "/"+strings.Repeat("#", 3000))
		for _, name := range append(names, trickyNamespaces...) {
			called := n.calledNamespace(name, sampleUID)
			r, err := n.tryRoute(name, sampleUID)
			if err != nil {
				n.expectNameError(called, name, err)
				continue
			}
			n.expectNamesFit(called+", Listen", n.listen(r)...)
			for _, s := range c.samplesIn(name) {
				if s.env.Type == codec.Broadcast && s.env.RequestID == "" {
					n.expectNamesFit(called+", Channel", n.channel(r, s))
					n.roundTrip(s)
				}
			}
		}
	})
}

func routesAreConstant(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		for _, nsp := range append(n.namespaces(), "") {
			called := n.calledNamespace(nsp, sampleUID)
			first, again := n.route(nsp, sampleUID), n.route(nsp, sampleUID)
			want := slices.Clone(n.listen(first))
			for _, r := range []string{"another", codec.EmitterUID} {
				n.route(nsp, r)
				n.route("/", r)
			}
			for _, got := range [][]string{n.listen(first), n.listen(again)} {
				if !slices.Equal(got, want) {
					c.fail(called+", Listen again", namesOf(want), "%s", namesOf(got))
				}
			}
			sorted := slices.Sorted(slices.Values(want))
			if len(slices.Compact(sorted)) < len(want) {
				c.fail(called+", Listen", "each channel once", "%s", namesOf(want))
			}
			samples := c.samplesIn(nsp)
			if nsp == "" {
				samples = []sample{c.heartbeat()}
			}
			for _, s := range samples {
				if a, b := n.channel(first, s), n.channel(again, s); a != b {
					c.fail(n.called(s)+", Channel of another Route of the same node", quote(a), "%s", quote(b))
				}
			}
		}
	})
}

func processChannelIsItsOwn(c *dialectChecker) {
	c.eachBus(func(n *wireNode) {
		var own []string
		for _, uid := range []string{sampleUID, otherUID} {
			r := n.route("", uid)
			own = append(append(own, n.listen(r)...), n.channel(r, c.heartbeat()))
		}
		names := append(n.namespaces(), "/"+samplePrefix, "/"+samplePrefix+"#", "/process", "/self")
		for _, channel := range own { // names that are made of the channel itself
			names = append(names, channel, "/"+channel)
			for i := range channel {
				names = append(names, channel[i:], "/"+channel[i:])
			}
		}
		for _, nsp := range names {
			if nsp == "" {
				continue
			}
			for _, uid := range []string{sampleUID, otherUID} {
				r, err := n.tryRoute(nsp, uid)
				if err != nil {
					continue
				}
				for _, channel := range own {
					if names := hears(n.listen(r), channel); len(names) > 0 {
						c.fail(n.calledNamespace(nsp, uid)+", Listen",
							"other channels than that of the process's own namespace, "+quote(channel),
							"%s", namesOf(names))
					}
				}
				for _, s := range c.samplesIn(nsp) {
					if channel := n.channel(r, s); slices.Contains(own, channel) {
						c.fail(n.called(s)+", Channel", "another channel than that of the process's own namespace",
							"%s",
							quote(channel))
					}
				}
			}
		}
	})
}
