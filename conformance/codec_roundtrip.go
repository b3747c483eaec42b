package conformance

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
)

var roundTripChecks = []check[*codecChecker]{
	{"EveryTypeRoundTrips", "What Append wrote in either form, Parse reads again: every type, with all of its fields and with none but those " +
		"it cannot be without. Nodes speak to each other in no other way.", everyTypeRoundTrips},
	{"OptsRoundTrip", "Rooms, Except and Flags arrive as they were sent, in every combination, and what is not set arrives as not set: Except alone selects " +
		"everybody else, compress has three states, a timeout of 0 is the receiver's default.", optsRoundTrip},
	{"NobodyIsNeverEverybody", "A message to nobody (Opts.Nobody) is refused with ErrNobody, or read as one to nobody again. Written without rooms it " +
		"would disconnect everybody.", nobodyIsNeverEverybody},
	{"HeadersRoundTrip", "The header holds any text of any length, and may lack the namespace: the receiver then takes it from the channel. Namespaces are " +
		"chosen by remote clients, uids and request ids by other nodes.", headersRoundTrip},
	{"ReferencesRoundTrip", "With an AttachmentID the envelope is a reference: it has a header and no data, whatever the type, and its id is text, also " +
		"if it looks like a number. The AttachmentKey stands in the reference and in the message that is stored: it tells a row that was replaced.", referencesRoundTrip},
}

func everyTypeRoundTrips(c *codecChecker) {
	for _, s := range c.samples() {
		c.roundTrip(s)
	}
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxInt32, min(math.MaxInt, 1<<32), min(math.MaxInt, 1<<53-1)} {
		env := &codec.Envelope{Type: codec.BroadcastClientCount, UID: sampleUID, NSP: "/", RequestID: "1", ClientCount: n}
		c.roundTrip(sample{name: fmt.Sprintf("BROADCAST_CLIENT_COUNT of %d", n), env: env})
	}
	for _, clock := range []uint64{1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<53 - 1} {
		env := &codec.Envelope{Type: codec.Heartbeat, UID: sampleUID, NSP: "/", Process: "p", Clock: clock}
		c.roundTrip(sample{name: fmt.Sprintf("HEARTBEAT at %d", clock), env: env})
	}
}

// selectorEnvelopes returns an envelope of each type that selects sockets.
func (c *codecChecker) selectorEnvelopes(opts codec.Opts) []*codec.Envelope {
	all := []*codec.Envelope{
		{Type: codec.Broadcast, Args: c.newArgs("e")},
		{Type: codec.SocketsJoin, Rooms: []string{"r"}},
		{Type: codec.SocketsLeave, Rooms: []string{"r"}},
		{Type: codec.DisconnectSockets, Close: true},
		{Type: codec.FetchSockets, RequestID: "1"},
	}
	for _, env := range all {
		env.UID, env.NSP, env.Opts = sampleUID, "/", opts
	}
	return all
}

func optsRoundTrip(c *codecChecker) {
	yes, no := true, false
	for _, compress := range []*bool{nil, &yes, &no} {
		for _, timeout := range []time.Duration{0, time.Millisecond, 1500 * time.Millisecond, 24 * time.Hour, math.MaxInt32 * time.Millisecond} {
			for bits := range 4 {
				set := codec.Flags{Volatile: bits&1 > 0, ExpectSingleResponse: bits&2 > 0, Compress: compress, Timeout: timeout}
				for _, rooms := range [][]string{nil, {"room"}, {"b", "a", "b"}} {
					for _, except := range [][]string{nil, {"exception"}, {"", "room"}} {
						for _, env := range c.selectorEnvelopes(codec.Opts{Rooms: rooms, Except: except, Flags: set}) {
							c.roundTrip(sample{name: fmt.Sprintf("%v with rooms %q, except %q, %s", env.Type, rooms, except, flagsText(set)), env: env})
						}
					}
				}
			}
		}
	}
}

func nobodyIsNeverEverybody(c *codecChecker) {
	for i, except := range [][]string{nil, {"an exception"}, nil} {
		rooms := [][]string{nil, nil, {"a room"}}[i]
		for _, env := range c.selectorEnvelopes(codec.Opts{Nobody: true, Rooms: rooms, Except: except}) {
			for _, f := range forms {
				s := sample{name: env.Type.String() + " to nobody", env: env}
				called := fmt.Sprintf("Append %s, %v form", s.name, f)
				p, err := c.appendSample(nil, s, f)
				if err != nil {
					if !errors.Is(err, codec.ErrNobody) {
						c.fail(called, "ErrNobody", "the error %q", err)
					}
					continue
				}
				if got := c.mustParse(called, p, f); !got.Opts.Nobody {
					c.fail(called+", Parse", "that Append refuses it with ErrNobody, or Opts.Nobody", "Opts %+v", got.Opts)
				}
			}
		}
	}
}

// headerTexts are texts of the lengths at which a codec may write a length in another way, and odd ones.
func headerTexts() []string {
	all := []string{"", "/", "/admin", sampleUID, codec.EmitterUID}
	for _, n := range []int{1, 15, 16, 17, 23, 24, 31, 32, 255, 256, 257, 1000, 65535, 65536} {
		all = append(all, asciiText(n))
	}
	return append(append(all, strings.Repeat("名", 85), strings.Repeat("\U0001F389", 250)), trickyTexts...)
}

func headersRoundTrip(c *codecChecker) {
	for _, text := range headerTexts() {
		env := codec.Envelope{Type: codec.BroadcastClientCount, UID: sampleUID, NSP: "/", RequestID: "1"}
		heartbeat := codec.Envelope{Type: codec.Heartbeat, UID: sampleUID, NSP: "/"}
		goodbye := codec.Envelope{Type: codec.AdapterClose, UID: sampleUID, NSP: "/", CloseKey: text}
		for field, e := range map[string]struct {
			env codec.Envelope
			set func(*codec.Envelope)
		}{
			"UID":       {env, func(e *codec.Envelope) { e.UID = text }},
			"NSP":       {env, func(e *codec.Envelope) { e.NSP = text }},
			"both":      {heartbeat, func(e *codec.Envelope) { e.UID, e.NSP = text, text }},
			"RequestID": {env, func(e *codec.Envelope) { e.RequestID = text }},
			"Process":   {heartbeat, func(e *codec.Envelope) { e.Process = text }},
			"CloseHash": {heartbeat, func(e *codec.Envelope) { e.CloseHash = text }},
			"CloseKey":  {goodbye, func(e *codec.Envelope) { e.CloseKey = text }},
		} {
			e.set(&e.env)
			c.roundTrip(sample{name: fmt.Sprintf("%v with %s as %s", e.env.Type, quote(text), field), env: &e.env})
		}
	}
	env := &codec.Envelope{Type: codec.Broadcast, UID: codec.EmitterUID, NSP: "/", Args: c.newArgs("e")}
	c.roundTrip(sample{name: "BROADCAST of the emitter", env: env})
}

func referencesRoundTrip(c *codecChecker) {
	for _, s := range c.referenceSamples() {
		c.roundTrip(s)
	}
	for _, text := range headerTexts()[1:] { // without an id it is no reference
		env := codec.Envelope{Type: codec.FetchSocketsResponse, UID: sampleUID, NSP: "/", AttachmentID: text, RequesterUID: text, AttachmentKey: text}
		c.roundTrip(sample{name: "reference to " + quote(text), env: &env})
	}
}
