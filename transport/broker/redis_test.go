package broker_test

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// A broker like Redis: confirmations come in the same stream as messages, one for each channel.
func TestConfirmationsInTheStreamOfMessages(t *testing.T) {
	x := &exchange{serve: serveRedis}
	conformance.Bus(t, x.listen(t, func(sessions, publisher string) transport.Bus { return newRedisBus(sessions, publisher) }))
}

// startRedis runs a server that speaks as much of Redis' protocol as a bus needs.
func startRedis() (address string, stop func()) {
	address, stop, err := (&exchange{serve: serveRedis}).start()
	if err != nil {
		panic(err)
	}
	return address, stop
}

func serveRedis(x *exchange, c *client) {
	in := bufio.NewReader(c)
	for {
		command, err := readArray(in)
		if err != nil {
			return
		}
		x.do(c, func() {
			switch command[0] {
			case "PUBLISH":
				x.publish(command[1], func(string) []byte { return array("message", command[1], command[2]) })
				x.send(c, []byte(":1\r\n"))
			case "SUBSCRIBE":
				for _, channel := range command[1:] {
					c.topics[channel] = ""
					x.send(c, array("subscribe", channel, "1"))
				}
			case "UNSUBSCRIBE":
				for _, channel := range command[1:] {
					delete(c.topics, channel)
					x.send(c, array("unsubscribe", channel, "1"))
				}
			}
		})
	}
}

// array is an array of strings in the protocol of Redis.
func array(items ...string) []byte {
	var b bytes.Buffer
	writeArray(&b, items...)
	return b.Bytes()
}
