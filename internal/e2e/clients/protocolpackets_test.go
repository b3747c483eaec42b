package clients_test

import "time"

// packetCases are about Socket.IO: namespaces, events, acknowledgements and invalid packets.
var packetCases = []protocolCase{
	{name: "Connect", steps: `
		a joins
		a> 420["auth"]
		a< 430[{}]`},
	{name: "Connect/WithPayload", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40{"token":"123"}
		a< 40{"sid":"$socket"}
		a> 420["auth"]
		a< 430[{"token":"123"}]`},
	{name: "Connect/CustomNamespace", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40/custom,
		a< 40/custom,{"sid":"$socket"}
		a> 42/custom,0["auth"]
		a< 43/custom,0[{}]`},
	{name: "Connect/CustomNamespaceWithPayload", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40/custom,{"token":"abc"}
		a< 40/custom,{"sid":"$socket"}
		a> 42/custom,0["auth"]
		a< 43/custom,0[{"token":"abc"}]`},
	{name: "Connect/QueryOfANamespace", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40/custom?token=abc,
		a< 44/custom?token=abc,{"message":"Invalid namespace"}`},
	{name: "Connect/SeveralNamespaces", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40
		a< 40{"sid":"$main"}
		a> 40/custom,
		a< 40/custom,{"sid":"$custom"}
		a> 40/dynamic-1,
		a< 40/dynamic-1,{"sid":"$dynamic"}
		a> 42/dynamic-1,["back",1]
		a< 42/dynamic-1,["back",1]
		a> 42["back",2]
		a< 42["back",2]
		a> 42/custom,["back",3]
		a< 42/custom,["back",3]`},
	{name: "Connect/UnknownNamespace", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40/random
		a< 44/random,{"message":"Invalid namespace"}`},
	{name: "Connect/RefusedByAMiddleware", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40{"refuse":"not you","details":{"code":7}}
		a< 44{"message":"not you","data":{"code":7}}
		a> 40/custom,{"refuse":"nor here"}
		a< 44/custom,{"message":"nor here"}
		a> 40
		a< 40{"sid":"$socket"}`},
	{name: "Connect/InvalidPacket", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 4abc
		a closed`},
	{name: "Connect/InvalidPayload", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40"text"
		a closed`},
	{name: "Connect/NotInTime", config: config{connectTimeout: 300 * time.Millisecond}, steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a closed`},
	{name: "Connect/EventBefore", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 42["back",1]
		a closed`},

	{name: "Disconnect/MainNamespace", config: quick, steps: `
		a joins
		a> 41
		a< 2`},
	{name: "Disconnect/CustomNamespace", steps: `
		a joins
		a> 40/custom,
		a< 40/custom,{"sid":"$custom"}
		a> 41/custom,
		a> 42["back","to the main namespace"]
		a< 42["back","to the main namespace"]`},
	{name: "Disconnect/AndConnectAgain", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40
		a< 40{"sid":"$first"}
		a> 41
		a> 40/custom,
		a< 40/custom,{"sid":"$custom"}
		a> 40
		a< 40{"sid":"$second"}
		a> 42["back",1]
		a< 42["back",1]`},

	{name: "Event/Text", steps: `
		a joins
		a> 42["back",{"3":[true,null,1.5,"2"]}]
		a< 42["back",{"3":[true,null,1.5,"2"]}]`},
	{name: "Event/Binary", steps: `
		a joins
		a> 452-["back",[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]]
		a>> 010203
		a>> 040506
		a< 452-["back",[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]]
		a<< 010203
		a<< 040506`},
	{name: "Event/BinaryInANamespace", steps: `
		a: transport=websocket
		a< 0{"sid":"$sid",*
		a> 40/custom,
		a< 40/custom,{"sid":"$socket"}
		a> 451-/custom,["back",{"_placeholder":true,"num":0}]
		a>> 00ff
		a< 451-/custom,["back",{"_placeholder":true,"num":0}]
		a<< 00ff`},
	{name: "Event/WithAck", steps: `
		a joins
		a> 42456["echo3",1,"2",{"3":[false]}]
		a< 43456[1,"2",{"3":[false]}]
		a> 427["nothing"]
		a< 437[]`},
	{name: "Event/BinaryWithAck", steps: `
		a joins
		a> 452-789["echo3",{"_placeholder":true,"num":0},0,{"_placeholder":true,"num":1}]
		a>> 010203
		a>> 040506
		a< 462-789[{"_placeholder":true,"num":0},0,{"_placeholder":true,"num":1}]
		a<< 010203
		a<< 040506`},
	{name: "Event/AckOfTheClient", steps: `
		a joins
		a> 421["ask me","why"]
		a< 42$id["question","why"]
		a> 43$id["because"]
		a< 431["because"]`},
	{name: "Event/WithoutListener", steps: `
		a joins
		a> 425["nobody"]
		a> 42["back",1]
		a< 42["back",1]`},

	{name: "Invalid/PacketType", steps: `
		a joins
		a> 4abc
		a closed`},
	{name: "Invalid/Payload", steps: `
		a joins
		a> 42{}
		a closed`},
	{name: "Invalid/EventName", steps: `
		a joins
		a> 42[{}]
		a closed`},
	{name: "Invalid/NoEvent", steps: `
		a joins
		a> 42[]
		a closed`},
	{name: "Invalid/AckID", steps: `
		a joins
		a> 42abc["echo",1]
		a closed`},
	{name: "Invalid/PayloadOfADisconnect", steps: `
		a joins
		a> 41{}
		a closed`},
	{name: "Invalid/ReservedEvent", steps: `
		a joins
		a> 42["disconnecting"]
		a closed`},
	{name: "Invalid/UnannouncedBytes", steps: `
		a joins
		a>> 010203
		a closed`},
	{name: "Invalid/TextInPlaceOfBytes", steps: `
		a joins
		a> 451-["back",{"_placeholder":true,"num":0}]
		a> 42["back",1]
		a closed`},
}
