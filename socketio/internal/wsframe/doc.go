// Package wsframe encodes and decodes the WebSocket frames (RFC 6455) of a server, with permessage-deflate (RFC
// 7692). It also implements the queue of the frames for one client, and merges queued frames into few large
// writes.
//
// It does not depend on sessions or connections. It implements one rule of Engine.IO: a text message begins
// with the packet type '4'. A binary message has no type in Engine.IO 4; see Binary for Engine.IO 3.
//
// # Files
//
//   - decoder.go: the decoder for frames from a client
//   - deflate.go: negotiation, compression and decompression
//   - form.go: the forms of binary messages in Engine.IO 4 and 3
//   - frame.go: frames that are sent, encoded once for many clients
//   - header.go: the header of a frame, and the codes of close frames
//   - queue.go: the queue of one client, and merging
package wsframe
