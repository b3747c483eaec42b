package broker_test

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// The broker resembles Redis: it confirms each channel separately, in the same stream as the messages.
func TestBrokerThatConfirmsInTheMessageStream(t *testing.T) {
	x := &fakeBroker{serve: serveRedis}
	conformance.Bus(t, x.listen(t, func(sessions, publisher string) transport.Bus {
		return newRedisBus(sessions, publisher)
	}))
}

// startRedis runs a server that implements the part of the Redis protocol that a bus needs.
func startRedis() (address string, stop func()) {
	address, stop, err := (&fakeBroker{serve: serveRedis}).start()
	if err != nil {
		panic(err)
	}
	return address, stop
}

func serveRedis(x *fakeBroker, c *client) {
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

// array returns an array of strings in the Redis protocol.
func array(items ...string) []byte {
	var b bytes.Buffer
	writeArray(&b, items...)
	return b.Bytes()
}
