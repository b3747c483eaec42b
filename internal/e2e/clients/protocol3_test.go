package clients_test

// protocol3Cases are about clients of Engine.IO 3 and Socket.IO 4, that is socket.io-client 2.
var protocol3Cases = []protocolCase{
	{name: "Handshake/Polling", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		GET transport=polling&sid=$sid -> 200 2:40`},
	{name: "Handshake/WebSocket", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		a< 40`},
	{name: "Handshake/NoVersion", steps: `
		GET /socket.io/?transport=polling -> 200 118:0{"sid":"$sid",*
		GET /socket.io/?transport=polling&sid=$sid -> 200 2:40
		a: /socket.io/?transport=websocket
		a< 0{"sid":"$other",*
		a< 40`},
	{name: "Handshake/OtherVersion", steps: `
		GET /socket.io/?EIO=5&transport=polling -> 200 118:0{"sid":"$sid",*
		GET /socket.io/?EIO=2&transport=polling&sid=$sid -> 200 2:40`},
	{name: "Handshake/VersionOfASession", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		GET /socket.io/?EIO=4&transport=polling&sid=$sid -> 400 {"code":3,"message":"Bad request"}
		POST /socket.io/?EIO=4&transport=polling&sid=$sid 40 -> 400 {"code":3,"message":"Bad request"}
		a: /socket.io/?EIO=4&transport=websocket&sid=$sid -> refused
		GET transport=polling&sid=$sid -> 200 2:40
		GET /socket.io/?EIO=4&transport=polling -> 200 0{"sid":"$newer",*
		GET transport=polling&sid=$newer -> 400 {"code":3,"message":"Bad request"}`},
	{name: "UnknownSession", steps: `
		GET transport=polling&sid=abc -> 400 {"code":1,"message":"Session ID unknown"}
		POST transport=polling&sid=abc 2:40 -> 400 {"code":1,"message":"Session ID unknown"}`},

	{name: "Message/Polling/Text", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		POST transport=polling&sid=$sid 18:42["back","hello"] -> 200 ok
		GET transport=polling&sid=$sid -> 200 18:42["back","hello"]`},
	{name: "Message/Polling/LengthsAreUTF16", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		POST transport=polling&sid=$sid 17:42["back","ü€😀"] -> 200 ok
		GET transport=polling&sid=$sid -> 200 17:42["back","ü€😀"]`},
	{name: "Message/Polling/SeveralInOneBody", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		poll $sid 40
		POST transport=polling&sid=$sid 10:40/custom, -> 200 ok
		poll $sid 40/custom,
		POST transport=polling&sid=$sid 17:42["back","ü€😀"]20:42/custom,["back",2]12:42["back",3] -> 200 ok
		poll $sid 42["back","ü€😀"]
		poll $sid 42/custom,["back",2]
		poll $sid 42["back",3]`},
	{name: "Message/Polling/Base64UpAndBinaryDown", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		POST transport=polling&sid=$sid 42:451-["back",{"_placeholder":true,"num":0}]10:b4AQIDBA== -> 200 ok
		poll $sid 451-["back",{"_placeholder":true,"num":0}]
		poll $sid b4AQIDBA==`},
	{name: "Message/Polling/BinaryUp", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		POST transport=polling&sid=$sid hex:000402ff3435312d5b226261636b222c7b225f706c616365686f6c646572223a747275652c226e756d223a307d5d0105ff0401020304 -> 200 ok
		poll $sid 451-["back",{"_placeholder":true,"num":0}]
		poll $sid b4AQIDBA==`},
	{name: "Message/Polling/BinaryUpAsText", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		POST transport=polling&sid=$sid hex:000108ff34325b226261636b222c22c3bce282ac225d -> 200 ok
		GET transport=polling&sid=$sid -> 200 15:42["back","ü€"]`},
	{name: "Message/Polling/Base64Down", steps: `
		GET transport=polling&b64=1 -> 200 118:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		POST transport=polling&sid=$sid 42:451-["back",{"_placeholder":true,"num":0}]10:b4AQIDBA== -> 200 ok
		poll $sid 451-["back",{"_placeholder":true,"num":0}]
		poll $sid b4AQIDBA==`},
	{name: "Message/Polling/InvalidPacket", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		POST transport=polling&sid=$sid 3:abc
		over $sid`},
	{name: "Message/Polling/InvalidLength", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		POST transport=polling&sid=$sid 99:42["back",1]
		over $sid`},
	{name: "Message/Polling/BodyOfVersion4", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		POST transport=polling&sid=$sid 42["back",1]
		over $sid`},
	{name: "Message/WebSocket/Text", steps: `
		a joins
		a> 42["back","hello"]
		a< 42["back","hello"]`},
	{name: "Message/WebSocket/Binary", steps: `
		a joins
		a> 451-["back",{"_placeholder":true,"num":0}]
		a>> 0401020304
		a< 451-["back",{"_placeholder":true,"num":0}]
		a<< 0401020304`},
	{name: "Message/WebSocket/Base64Up", steps: `
		a joins
		a> 451-["back",{"_placeholder":true,"num":0}]
		a> b4AQIDBA==
		a< 451-["back",{"_placeholder":true,"num":0}]
		a<< 0401020304`},
	{name: "Message/WebSocket/Base64Down", steps: `
		a: transport=websocket&b64=1
		a< 0{"sid":"$sid",*
		a< 40
		a> 451-["back",{"_placeholder":true,"num":0}]
		a>> 0401020304
		a< 451-["back",{"_placeholder":true,"num":0}]
		a< b4AQIDBA==`},
	{name: "Message/WebSocket/InvalidPacket", steps: `
		a joins
		a> abc
		a closed`},

	{name: "Heartbeat/Polling", config: quick, steps: `
		GET transport=polling -> 200 115:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		POST transport=polling&sid=$sid 1:2 -> 200 ok
		GET transport=polling&sid=$sid -> 200 1:3
		POST transport=polling&sid=$sid 1:2 -> 200 ok
		GET transport=polling&sid=$sid -> 200 1:3`},
	{name: "Heartbeat/Polling/NoPing", config: quick, steps: `
		GET transport=polling -> 200 115:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		over $sid`},
	{name: "Heartbeat/Polling/WithoutPolls", config: quick, steps: `
		GET transport=polling -> 200 115:0{"sid":"$sid",*
		gone $sid`},
	{name: "Heartbeat/WebSocket", config: quick, steps: `
		a joins
		a> 2
		a< 3
		a> 2
		a< 3`},
	{name: "Heartbeat/WebSocket/NoPing", config: quick, steps: `
		a joins
		a closed`},
	{name: "Heartbeat/WebSocket/Pong", steps: `
		a joins
		a> 3
		a closed`},

	{name: "Close/Polling", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		POST transport=polling&sid=$sid 1:1 -> 200 ok
		over $sid`},

	{name: "Upgrade", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid","upgrades":["websocket"],*
		GET transport=polling&sid=$sid -> 200 2:40
		a: transport=websocket&sid=$sid
		a> 2probe
		a< 3probe
		GET transport=polling&sid=$sid -> 200 1:6
		a> 5
		a> 42["back","hello"]
		a< 42["back","hello"]
		a> 2
		a< 3`},
	{name: "Upgrade/QueuedPacketsGoOverWebSocket", steps: `
		GET transport=polling&b64=1 -> 200 118:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		a: transport=websocket&sid=$sid
		a> 2probe
		a< 3probe
		POST transport=polling&sid=$sid 42:451-["back",{"_placeholder":true,"num":0}]10:b4AQIDBA== -> 200 ok
		a> 5
		a< 451-["back",{"_placeholder":true,"num":0}]
		a<< 0401020304`},
	{name: "Upgrade/PollingIsRefusedAfterwards", steps: `
		GET transport=polling -> 200 118:0{"sid":"$sid",*
		GET transport=polling&sid=$sid -> 200 2:40
		a: transport=websocket&sid=$sid
		a> 2probe
		a< 3probe
		a> 5
		a> 42["back",1]
		a< 42["back",1]
		GET transport=polling&sid=$sid -> 400 {"code":3,"message":"Bad request"}`},

	{name: "Connect", steps: `
		a joins
		a> 420["auth"]
		a< 430[{}]`},
	{name: "Connect/CustomNamespace", steps: `
		a joins
		a> 40/custom,
		a< 40/custom,
		a> 42/custom,0["auth"]
		a< 43/custom,0[{}]`},
	{name: "Connect/QueryOfANamespace", steps: `
		a joins
		a> 40/custom?token=a%20b+c&n=1&n=2&x,
		a< 40/custom,
		a> 42/custom,0["auth"]
		a< 43/custom,0[{"token":"a b c","n":"2","x":""}]
		a> 42/custom?token=other,["back",1]
		a< 42/custom,["back",1]`},
	{name: "Connect/PayloadIsIgnored", steps: `
		a joins
		a> 40/custom,{"token":"123"}
		a< 40/custom,
		a> 42/custom,0["auth"]
		a< 43/custom,0[{}]`},
	{name: "Connect/DynamicNamespace", steps: `
		a joins
		a> 40/dynamic-1?x=y#z
		a< 40/dynamic-1,
		a> 42/dynamic-1,["back",1]
		a< 42/dynamic-1,["back",1]`},
	{name: "Connect/UnknownNamespace", steps: `
		a joins
		a> 40/random?x=y,
		a< 44/random,{"message":"Invalid namespace"}
		a> 42["back",1]
		a< 42["back",1]`},
	{name: "Connect/RefusedByAMiddleware", steps: `
		a joins
		a> 40/custom?refuse=not+you,
		a< 44/custom,"not you"
		a> 40/custom?refuse=not+you&details=why,
		a< 44/custom,"why"
		a> 40/custom,
		a< 40/custom,`},
	{name: "Connect/RefusedByTheMiddlewareOfTheMainNamespace", steps: `
		a: transport=websocket&payload={"refuse":"no","details":{"code":7}}
		a< 0{"sid":"$sid",*
		a< 44{"code":7}
		a> 40/custom,
		a< 44/custom,{"code":7}
		a> 40
		a< 44{"code":7}
		GET transport=polling&payload={"refuse":"no"} -> 200 118:0{"sid":"$other",*
		GET transport=polling&sid=$other -> 200 6:44"no"`},
	{name: "Connect/Twice", steps: `
		a joins
		a> 40
		a closed`},
	{name: "Disconnect/AndConnectAgain", steps: `
		a joins
		a> 40/custom,
		a< 40/custom,
		a> 41
		a> 42/custom,["back",1]
		a< 42/custom,["back",1]
		a> 40
		a< 40
		a> 41/custom,
		a> 42["back",2]
		a< 42["back",2]
		a> 40/custom,
		a< 40/custom,`},

	{name: "Event/WithAck", steps: `
		a joins
		a> 42456["echo3",1,"2",{"3":[false]}]
		a< 43456[1,"2",{"3":[false]}]
		a> 427["nothing"]
		a< 437[]`},
	{name: "Event/BinaryWithAck", steps: `
		a joins
		a> 452-789["echo3",{"_placeholder":true,"num":0},0,{"_placeholder":true,"num":1}]
		a>> 04010203
		a>> 04
		a< 462-789[{"_placeholder":true,"num":0},0,{"_placeholder":true,"num":1}]
		a<< 04010203
		a<< 04`},
	{name: "Event/BinaryInANamespace", steps: `
		a joins
		a> 40/custom,
		a< 40/custom,
		a> 451-/custom,["back",{"_placeholder":true,"num":0}]
		a>> 0400ff
		a< 451-/custom,["back",{"_placeholder":true,"num":0}]
		a<< 0400ff`},
	{name: "Event/AckOfTheClient", steps: `
		a joins
		a> 421["ask me","why"]
		a< 42$id["question","why"]
		a> 43$id["because"]
		a< 431["because"]`},
	{name: "Invalid/UnannouncedBytes", steps: `
		a joins
		a>> 04010203
		a closed`},
	{name: "Invalid/PayloadOfADisconnect", steps: `
		a joins
		a> 41{}
		a closed`},
}
