package engineio

import (
	"net/url"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// protocol is a version of Engine.IO. A session has the version of its first request.
type protocol struct {
	version int
	packets packets
	// clientPings says that the client sends pings and the server answers with pongs, not the other way round.
	clientPings bool
	// binary is the form of binary messages over WebSocket.
	binary wsframe.Binary
	// binaryRequests says that bodies of requests may be binary, binaryPolls that responses to polls may be.
	binaryRequests, binaryPolls bool
}

// packets encodes and decodes the packets of a version. The packets that it decodes share memory with its input.
type packets interface {
	// parseText and parseBinary parse a message of a WebSocket.
	parseText(message []byte) (packet, error)
	parseBinary(message []byte) (packet, error)
	// eachPacket calls f for each packet of a request's body, until f returns false. It calls f for the packets
	// before a malformed one too, as Node.js does. binary says that the body is not text.
	eachPacket(body []byte, binary bool, f func(packet) bool) error
	// appendFrame appends the packets of a frame to the response to a poll. binary says that the response is not
	// text.
	appendFrame(response []byte, f *wsframe.Frame, binary bool) []byte
}

var (
	protocol4 = &protocol{version: 4, packets: packets4{}}
	protocol3 = &protocol{version: 3, packets: packets3{}, clientPings: true, binary: wsframe.Typed,
		binaryRequests: true, binaryPolls: true}
	// protocol3Text is for clients that cannot receive bytes.
	protocol3Text = &protocol{version: 3, packets: packets3{}, clientPings: true, binary: wsframe.Base64,
		binaryRequests: true}
)

// protocolOf returns the protocol of a request. As in Node.js, it is version 3 if the request names no version.
func protocolOf(query url.Values) *protocol {
	switch {
	case query.Get("EIO") == "4":
		return protocol4
	case query.Get("b64") != "":
		return protocol3Text
	}
	return protocol3
}
