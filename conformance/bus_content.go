package conformance

import (
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var contentChecks = []check[*busChecker]{
	{"PayloadsArriveUnchanged", "transport.Message.Payload",
		"A payload arrives byte for byte as it was sent: any bytes, or any text without NUL if Limits.Text is " +
			"set. Users write in all languages, and binary messages travel too.", payloadsArriveUnchanged},
	{"PayloadIsNotRetained", "transport.Bus.Publish",
		"The bus does not use the payloads after Publish has returned. The cluster writes its next message into " +
			"the same memory, which would then arrive in place of the first.", payloadIsNotRetained},
	{"ReceivedPayloadBelongsToCaller", "transport.Session.Receive",
		"A received payload belongs to the caller: nobody else reads or writes it. Messages keep parts of it for " +
			"as long as they live, on several goroutines.", receivedPayloadBelongsToCaller},
}

func payloadsArriveUnchanged(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "a")
	limits := one.Limits()
	payloads := []string{
		"", " ", " spaces ", "\n", "\r\n", "a\nb\r\nc", "\t", "'", "''", `"`, `\`, `\\`, `\n`, `\x00`, `\0`, "`",
		"$1", "$$x$$", "%s", "%00",
		`'; DROP TABLE x; --`, `{"a":[1,"\u0000"]}`, "null", "NULL", "0", "\u00e9", "e\u0301", "\ufeffbom", "\ufffd",
		"\uffff", "\U0010ffff",
		"\U0001F469\u200D\U0001F4BB", "\u202eright to left", "\x01\x02\x1f\x7f",
	}
	payloads = append(payloads, splitPayload(allText(), limits.Payload)...)
	if !limits.Text {
		payloads = append(payloads, "\x00", "\xff", "\xc0\x80", "\xed\xa0\x80", "a\x00b", "ends with\x00")
		payloads = append(payloads, splitPayload(allBytes(), limits.Payload)...)
	}
	batch := make([]transport.Message, len(payloads))
	for i, p := range payloads {
		batch[i] = c.message("a", p)
	}
	c.publishAndExpect(one, s, "Publish all kinds of payloads", batch...)
}

// allText returns every character of the basic multilingual plane except NUL, and some of the other planes.
func allText() string {
	var b strings.Builder
	for r := rune(1); r <= 0xffff; r++ {
		if r < 0xd800 || r > 0xdfff { // surrogates are not characters
			b.WriteRune(r)
		}
	}
	for r := rune(0x10000); r <= 0x10ffff; r += 257 {
		b.WriteRune(r)
	}
	return b.String()
}

func allBytes() string {
	var b strings.Builder
	for i := range 256 {
		b.WriteByte(byte(i))
		b.WriteByte(byte(255 - i))
		b.WriteByte(byte(i))
	}
	return b.String()
}

// splitPayload cuts s into pieces that a bus can carry.
func splitPayload(s string, max int) []string {
	if max <= 0 || max > 7000 {
		max = 7000
	}
	var all []string
	for s != "" {
		piece := truncate(s, max)
		all = append(all, piece)
		s = s[len(piece):]
	}
	return all
}

func payloadIsNotRetained(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	near, far := c.open(one, "a"), c.open(two, "a")
	for _, size := range c.sampleSizes(one) {
		buffer := make([]byte, 2*size)
		batch := []transport.Message{
			{Channel: c.channel("a"), Payload: buffer[:size]},
			{Channel: c.channel("a"), Payload: buffer[size:]},
		}
		called := fmt.Sprintf("Publish two payloads of %d bytes, and overwrite them after it has returned", size)
		for round := range 3 {
			letters := digits[round*2:]
			for i := range buffer {
				buffer[i] = letters[i/size]
			}
			c.publish(one, batch...)
			for i := range buffer {
				buffer[i] = '!'
			}
			for _, s := range []transport.Session{near, far} {
				c.expect(s, called, c.message("a", strings.Repeat(letters[:1], size)),
					c.message("a", strings.Repeat(letters[1:2], size)))
			}
		}
	}
}

func receivedPayloadBelongsToCaller(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	mine, other := c.open(two, "a"), c.open(two, "a")
	batch := func(letter string) (msgs []transport.Message) {
		for _, size := range append(c.sampleSizes(one), c.sampleSizes(one)...) {
			msgs = append(msgs, c.message("a", strings.Repeat(letter, size)))
		}
		return msgs
	}
	var want, kept []transport.Message
	receive := func(s transport.Session, called string, want transport.Message) transport.Message {
		got := c.receive(s, called)
		if !sameMessage(got, want) {
			c.fail(called, showMessage(want), "%s", showMessage(got))
		}
		return got
	}
	for _, letter := range []string{"a", "b", "c"} {
		msgs := batch(letter)
		called := fmt.Sprintf("Publish %d messages, Receive each and overwrite it", len(msgs))
		c.publish(one, msgs...)
		for _, m := range msgs {
			got := receive(mine, called, m)
			for i, room := 0, got.Payload[:cap(got.Payload)]; i < len(room); i++ {
				room[i] = '!'
			}
		}
		for _, m := range msgs {
			kept = append(kept, receive(other, called+"; another session", m))
		}
		want = append(want, msgs...)
	}
	for i, got := range kept {
		if !sameMessage(got, want[i]) {
			c.fail("Receive some messages, look at the first ones again", showMessage(want[i]), "%s", showMessage(got))
		}
	}
}
