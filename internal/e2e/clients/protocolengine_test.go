package clients_test

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
)

// engineCases are about Engine.IO: sessions, packets, heartbeats and closing.
var engineCases = []protocolCase{
	{name: "Handshake/Polling", steps: `
		GET transport=polling -> 200 0{"sid":"$sid","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
	{name: "Handshake/WebSocket", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
	{name: "Handshake/HasTheSettings", config: config{
		pingInterval: 5 * time.Second, pingTimeout: 3 * time.Second, maxPayload: 5000, noUpgrades: true}, steps: `
		GET transport=polling -> 200 0{"sid":"$sid","upgrades":[],"pingInterval":5000,"pingTimeout":3000,"maxPayload":5000}`},
	{name: "Handshake/WithoutWebSocket", config: config{transports: []string{"polling"}}, steps: `
		GET transport=polling -> 200 0{"sid":"$sid","upgrades":[],*
		GET transport=websocket -> 400 {"code":0,"message":"Transport unknown"}
		a: transport=websocket -> refused`},
	{name: "Handshake/WithoutPolling", config: config{transports: []string{"websocket"}}, steps: `
		GET transport=polling -> 400 {"code":0,"message":"Transport unknown"}
		a: transport=websocket
		a< 0{"sid":"$sid","upgrades":[],*`},
	{name: "Handshake/EachSessionHasItsID", steps: `
		GET transport=polling -> 200 0{"sid":"$first",*
		GET transport=polling -> 200 0{"sid":"$second",*
		POST transport=polling&sid=$first 40{"n":1} -> 200 ok
		POST transport=polling&sid=$second 40 -> 200 ok
		GET transport=polling&sid=$first -> 200 40{"sid":"$socket"}
		POST transport=polling&sid=$first 420["auth"] -> 200 ok
		GET transport=polling&sid=$first -> 200 430[{"n":1}]`},
	{name: "Handshake/NoVersion", steps: `
		GET /socket.io/?transport=polling -> 400 {"code":5,"message":"Unsupported protocol version"}
		a: /socket.io/?transport=websocket -> refused`},
	{name: "Handshake/InvalidVersion", steps: `
		GET /socket.io/?EIO=abc&transport=polling -> 400 {"code":5,"message":"Unsupported protocol version"}
		a: /socket.io/?EIO=abc&transport=websocket -> refused`},
	{name: "Handshake/NoTransport", steps: `
		GET /socket.io/?EIO=4 -> 400 {"code":0,"message":"Transport unknown"}
		a: /socket.io/?EIO=4 -> refused`},
	{name: "Handshake/InvalidTransport", steps: `
		GET transport=abc -> 400 {"code":0,"message":"Transport unknown"}
		a: transport=abc -> refused`},
	{name: "Handshake/InvalidMethod", steps: `
		POST transport=polling -> 400 {"code":2,"message":"Bad handshake method"}
		PUT transport=polling -> 400 {"code":2,"message":"Bad handshake method"}
		DELETE transport=polling -> 400 {"code":2,"message":"Bad handshake method"}`},
	{name: "Handshake/WebSocketWithoutUpgrade", steps: `
		GET transport=websocket -> 400 {"code":3,"message":"Bad request"}`},
	{name: "UnknownSession", steps: `
		GET transport=polling&sid=abc -> 400 {"code":1,"message":"Session ID unknown"}
		POST transport=polling&sid=abc 40 -> 400 {"code":1,"message":"Session ID unknown"}
		a: transport=websocket&sid=abc -> refused`},

	{name: "Message/Polling/Text", steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		POST transport=polling&sid=$sid 40 -> 200 ok
		GET transport=polling&sid=$sid -> 200 40{"sid":"$socket"}
		POST transport=polling&sid=$sid 42["back","hello"] -> 200 ok
		GET transport=polling&sid=$sid -> 200 42["back","hello"]`},
	{name: "Message/Polling/SeveralInOneBody", steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		POST transport=polling&sid=$sid 40^40/custom, -> 200 ok
		poll $sid 40{"sid":"$socket"}
		poll $sid 40/custom,{"sid":"$other"}
		POST transport=polling&sid=$sid 42["back",1]^42/custom,["back",2]^42["back",3] -> 200 ok
		poll $sid 42["back",1]
		poll $sid 42/custom,["back",2]
		poll $sid 42["back",3]`},
	{name: "Message/Polling/Binary", steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		POST transport=polling&sid=$sid 40 -> 200 ok
		GET transport=polling&sid=$sid -> 200 40{"sid":"$socket"}
		POST transport=polling&sid=$sid 451-["back",{"_placeholder":true,"num":0}]^bAQIDBA== -> 200 ok
		poll $sid 451-["back",{"_placeholder":true,"num":0}]
		poll $sid bAQIDBA==`},
	{name: "Message/Polling/InvalidPacket", steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		POST transport=polling&sid=$sid abc
		over $sid`},
	{name: "Message/Polling/TwoPollsAtATime", run: func(f *fixture) {
		p := f.poll()
		answers := make(chan response, 2)
		for range 2 {
			go func() { answers <- p.get() }()
		}
		first, second := <-answers, <-answers
		if first.Status == 200 {
			first, second = second, first
		}
		require.Equal(f, 400, first.Status)
		require.Equal(f, "200 1", fmt.Sprintf("%d %s", second.Status, second.Body),
			"the pending poll must end with the session")
		p.unknown()
	}},
	{name: "Message/WebSocket/Text", steps: `
		a joins
		a> 42["back","hello"]
		a< 42["back","hello"]`},
	{name: "Message/WebSocket/Binary", steps: `
		a joins
		a> 451-["back",{"_placeholder":true,"num":0}]
		a>> 01020304
		a< 451-["back",{"_placeholder":true,"num":0}]
		a<< 01020304`},
	{name: "Message/WebSocket/InvalidPacket", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> abc
		a closed`},

	{name: "Heartbeat/Polling", config: quick, steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2
		POST transport=polling&sid=$sid 3 -> 200 ok
		GET transport=polling&sid=$sid -> 200 2
		POST transport=polling&sid=$sid 3 -> 200 ok
		GET transport=polling&sid=$sid -> 200 2
		POST transport=polling&sid=$sid 3 -> 200 ok`},
	{name: "Heartbeat/Polling/NoPong", config: quick, steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2
		over $sid`},
	{name: "Heartbeat/Polling/WithoutPolls", config: quick, steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		gone $sid`},
	{name: "Heartbeat/WebSocket", config: quick, steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a< 2
		a> 3
		a< 2
		a> 3
		a< 2
		a> 3`},
	{name: "Heartbeat/WebSocket/NoPong", config: quick, steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a< 2
		a closed`},

	{name: "Close/Polling", run: func(f *fixture) {
		for {
			p := f.poll()
			answer := make(chan response, 1)
			go func() { answer <- p.get() }()
			require.Equal(f, "ok", p.post("1").Body)
			r := <-answer
			p.unknown()
			if r.Status == 400 {
				continue // the poll arrived after the end
			}
			require.Equal(f, "200 6", fmt.Sprintf("%d %s", r.Status, r.Body), "the pending poll must be answered")
			return
		}
	}},
	// Node.js ignores the packet and closes the session at the ping timeout.
	{name: "Close/WebSocket", config: quick, steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 1
		a closed`},
}

// engineUpgradeCases are about upgrades from polling to WebSocket.
var engineUpgradeCases = []protocolCase{
	{name: "Upgrade", steps: `
		GET transport=polling -> 200 0{"sid":"$sid","upgrades":["websocket"],*
		a: transport=websocket&sid=$sid
		a> 2probe
		a< 3probe
		GET transport=polling&sid=$sid -> 200 6
		a> 5
		a> 40
		a< 40{"sid":"$socket"}
		a> 42["back","hello"]
		a< 42["back","hello"]`},
	{name: "Upgrade/PollingContinuesMeanwhile", steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		POST transport=polling&sid=$sid 40 -> 200 ok
		GET transport=polling&sid=$sid -> 200 40{"sid":"$socket"}
		a: transport=websocket&sid=$sid
		POST transport=polling&sid=$sid 42["back",1] -> 200 ok
		poll $sid 42["back",1]
		a> 2probe
		a< 3probe
		a> 5
		a> 42["back",2]
		a< 42["back",2]`},
	{name: "Upgrade/QueuedPacketsGoOverWebSocket", steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		POST transport=polling&sid=$sid 40 -> 200 ok
		GET transport=polling&sid=$sid -> 200 40{"sid":"$socket"}
		a: transport=websocket&sid=$sid
		a> 2probe
		a< 3probe
		POST transport=polling&sid=$sid 42["back",1]^42["back",2] -> 200 ok
		a> 5
		a< 42["back",1]
		a< 42["back",2]`},
	{name: "Upgrade/PollingIsRefusedAfterwards", steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		a: transport=websocket&sid=$sid
		a> 2probe
		a< 3probe
		a> 5
		a> 40
		a< 40{"sid":"$socket"}
		GET transport=polling&sid=$sid -> 400 {"code":3,"message":"Bad request"}
		a> 42["back","hello"]
		a< 42["back","hello"]`},
	{name: "Upgrade/SecondWebSocketIsClosed", steps: `
		GET transport=polling -> 200 0{"sid":"$sid",*
		a: transport=websocket&sid=$sid
		a> 2probe
		a< 3probe
		a> 5
		a> 40
		a< 40{"sid":"$socket"}
		b: transport=websocket&sid=$sid
		b closed
		a> 42["back","hello"]
		a< 42["back","hello"]`},
	{name: "Upgrade/Disabled", config: config{noUpgrades: true}, steps: `
		GET transport=polling -> 200 0{"sid":"$sid","upgrades":[],*
		POST transport=polling&sid=$sid 40 -> 200 ok
		poll $sid 40{"sid":"$socket"}`},
}
