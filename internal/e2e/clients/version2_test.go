package clients_test

import (
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// alsoVersion2 are the scenarios that clients of version 2 run, too.
var alsoVersion2 = []string{
	"AckOfALostConnectionFails", "AcknowledgementOfABroadcastIsTheFirstArgument",
	"AcknowledgementOfSeveralArguments", "AcksMatchTheirEvents", "AdapterEvents", "BinaryDown", "BinaryInAcksBothWays",
	"BinaryOfSeveralSendersIsNotMixed", "BothSidesCloseASilentConnection", "ClientClosesTheConnection",
	"ClientLeaves", "ClientReconnectsAfterABrokenConnection", "CompressionIsNegotiated", "ConnectionBreaks", "Cookie",
	"EmptyNamespacesAreClosed", "EventsBeforeLeavingArrive", "HandlerTakesAllArgumentsAndAnswers",
	"HeartbeatsKeepIdleClientsConnected", "LargePayloadsDown", "MiddlewareOfASocketRefuses",
	"MissingAuthIsAnEmptyObject", "NamespacesShareAConnection", "NoUpgradesKeepsPolling", "OrderIsKeptBothWays",
	"PollsAreCompressed", "ServerDisconnectsTheConnection", "ServerStops", "TextBothWays",
	"TooLargePayloadDisconnects", "TooManyAttachmentsDisconnect", "UpgradeChangesTheTransportOnBothSides",
	"UpgradeLosesNothing", "ValuesBothWays",
}

// asVersion2 returns the scenarios of alsoVersion2.
func asVersion2(all []scenario) (old []scenario) {
	for _, name := range alsoVersion2 {
		at := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if at < 0 {
			panic("no scenario " + name)
		}
		s := all[at]
		s.name, s.version, s.config.allowEIO3 = "Version2/"+name, "2", true
		s.over = slices.DeleteFunc(slices.Clone(s.over), func(over []string) bool { return over[0] == "fetch" })
		// After an upgrade, Socket.IO's server no longer notices that a client of version 2 is silent.
		s.notOnNode = s.notOnNode || name == "BothSidesCloseASilentConnection"
		old = append(old, s)
	}
	return old
}

// version2 is a scenario of clients of version 2.
func version2(name string, c config, over [][]string, run func(f *fixture)) scenario {
	c.allowEIO3 = true
	return scenario{name: "Version2/" + name, version: "2", config: c, over: over, run: run}
}

// version2Scenarios are about what is different for clients of version 2.
var version2Scenarios = []scenario{
	version2("IDsAreThoseOfTheConnection", config{}, everyTransport, func(f *fixture) {
		c := f.open(clientSpec{})
		c.connected()
		require.Equal(f, f.transports[0], f.accepted(c).Transport)
		require.Len(f, c.id, 20)
		custom := f.connect(clientSpec{On: c, NSP: "/custom"})
		require.Equal(f, "/custom#"+c.id, custom.id)
		f.must(emit("hello").to(custom.id).in("/custom"))
		custom.expect("hello")
		sockets := f.must(op{Call: "fetchSockets"}.in("/custom")).Sockets
		require.Len(f, sockets, 1)
		require.Equal(f, custom.id, sockets[0].ID)
	}),
	version2("QueryOfANamespaceIsTheAuthPayload", config{}, everyTransport, func(f *fixture) {
		c := f.connect(clientSpec{Options: options{"query": map[string]any{"of": "the connection"}}})
		same(f.T, []any{map[string]any{}}, c.ask("auth"))
		custom := f.open(clientSpec{On: c, NSP: "/custom", SocketOptions: map[string]any{
			"query": map[string]any{"token": "ü &=+?x", "n": 1, "empty": ""}}})
		custom.connected()
		same(f.T, map[string]any{"token": "ü &=+?x", "n": "1", "empty": ""}, f.accepted(custom).Auth.V)
		f.must(emit("hello").in("/custom"))
		custom.expect("hello")
		f.connect(clientSpec{On: c, NSP: "/guarded-1", SocketOptions: map[string]any{"query": "key=open"}})
		f.connect(clientSpec{On: c, NSP: "/dynamic-7"})
		require.Equal(f, "Invalid namespace", f.open(clientSpec{On: c, NSP: "/guarded-2",
			SocketOptions: map[string]any{"query": "key=other"}}).refused().Message)
	}),
	version2("RefusedClientsAreToldDataOrMessage", config{}, everyTransport, func(f *fixture) {
		c := f.connect(clientSpec{})
		refused := func(query map[string]any) any {
			e := f.open(clientSpec{On: f.connect(clientSpec{}), NSP: "/custom",
				SocketOptions: map[string]any{"query": query}}).refused()
			return e.Data.V
		}
		require.Equal(f, "not here", refused(map[string]any{"refuse": "not here"}))
		require.Equal(f, "why", refused(map[string]any{"refuse": "not here", "details": "why"}))
		main := f.open(clientSpec{Options: options{"query": map[string]any{
			"payload": `{"refuse":"nor here","details":{"code":7}}`}}})
		same(f.T, map[string]any{"code": 7}, main.refused().Data.V)
		c.ask("nothing")
	}),
	version2("RoomsWithOtherVersions", config{}, everyTransport, func(f *fixture) {
		all := []*client{f.settled(clientSpec{}), f.settled(clientSpec{}), f.settled(clientSpec{Version: "3"}),
			f.settled(clientSpec{Version: "4.5"})}
		for i, c := range all {
			f.must(op{Call: "join", Rooms: []string{"den", []string{"odd", "even"}[i%2]}}.of(c.id))
		}
		data := map[string]any{"bytes": []byte{0, 1, 254, 255}, "text": "ü😀"}
		f.must(emit("den", data, []byte{}).to("den"))
		for _, c := range all {
			c.expect("den", data, []byte{})
		}
		f.must(emit("even", data).to("even"))
		f.must(emit("not even", "😀").to("den").except("even"))
		f.must(emit("others", data).of(all[0].id).broadcast())
		for i, c := range all {
			if i%2 == 1 {
				c.expect("even", data)
			} else {
				c.expect("not even", "😀")
			}
			if i > 0 {
				c.expect("others", data)
			}
		}
		f.must(emit("volatile", data).volatile().compress(false).of(all[1].id))
		f.must(op{Call: "leave", Rooms: []string{"den"}}.of(all[1].id))
		f.must(emit("den").to("den"))
		all[0].expect("den")
	}),
	version2("Base64BothWays", config{}, everyTransport, func(f *fixture) {
		c := f.settled(clientSpec{Options: options{"forceBase64": true}})
		bytes := f.settled(clientSpec{})
		for _, args := range binaryArgs {
			c.emit("up", args...)
			f.heard(c, "up", args...)
			f.must(emit("down", args...))
			c.expect("down", args...)
			bytes.expect("down", args...)
			same(f.T, []any{args}, c.ask("echo", args))
			f.heard(c, "echo", args)
		}
	}),
	version2("LargeMessagesUp", config{maxPayload: 400_000}, everyTransport, func(f *fixture) {
		c := f.settled(clientSpec{})
		for _, args := range [][]any{{strings.Repeat("ü", 100_000)}, {strings.Repeat("😀", 50_000)},
			{make([]byte, 200_000), "x"}} {
			c.emit("up", args...)
			f.heard(c, "up", args...)
		}
	}),
	version2("CompressedMessages", config{compress: true}, [][]string{websocketOnly, upgrading}, func(f *fixture) {
		c := f.settled(clientSpec{})
		require.Contains(f, c.state().Extensions, "permessage-deflate")
		text, data := strings.Repeat("ü compressible ", 1000), []byte(strings.Repeat("bytes ", 1000))
		f.must(emit("down", text, data))
		c.expect("down", text, data)
		c.emit("up", text, data)
		f.heard(c, "up", text, data)
	}),
	version2("ClientsReconnect", config{}, everyTransport, func(f *fixture) {
		c := f.settled(clientSpec{Options: comingBack()})
		custom := f.connect(clientSpec{On: c, NSP: "/custom"})
		old := c.id
		require.NoError(f, f.server.stop(f.ctx))
		c.disconnected()
		custom.disconnected()
		c.emit("meanwhile", 1)
		require.NoError(f, f.server.start(f.ctx))
		for _, c := range []*client{c, custom} {
			require.False(f, c.connected().Recovered)
			f.accepted(c)
		}
		require.NotEqual(f, old, c.id)
		require.Equal(f, "/custom#"+c.id, custom.id)
		f.heard(c, "meanwhile", 1)
	}),
	version2("ClientsAreNotRecovered", config{recovery: time.Minute}, everyTransport, func(f *fixture) {
		c := f.settled(clientSpec{})
		other := f.settled(clientSpec{Version: "4.5"})
		old := c.id
		f.must(emit("before"))
		require.Equal(f, "before", c.next().Event)
		c.do("closeEngine", map[string]any{})
		c.disconnected()
		require.Contains(f, []string{"transport close", "transport error"}, f.gone(c))
		f.must(emit("missed"))
		c.do("reconnect", map[string]any{})
		require.False(f, c.connected().Recovered)
		require.False(f, f.accepted(c).Recovered)
		require.NotEqual(f, old, c.id)
		f.must(emit("after"))
		require.Equal(f, "after", c.next().Event)
		require.Equal(f, []string{"before", "missed", "after"},
			[]string{other.next().Event, other.next().Event, other.next().Event})
	}),
}
