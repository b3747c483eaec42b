// Package wsframe encodes and decodes the WebSocket frames (RFC 6455) of a server, with permessage-deflate (RFC
// 7692). It also has the queue in which frames wait for a client, and merges queued frames into few large
// writes.
//
// It knows nothing of sessions or connections. Of Engine.IO it knows one rule: a text message begins with the
// packet type '4', and a binary message has no type.
//
// # Files
//
//   - decoder.go: the decoder of what a client sends
//   - deflate.go: negotiation, compression and decompression
//   - frame.go: frames that are sent, encoded once for many clients
//   - header.go: the header of a frame, and the codes of close frames
//   - queue.go: the queue of one client, and merging
package wsframe
