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
	{"EveryTypeRoundTrips", "codec.Envelope",
		"Parse reads what Append wrote in either form: every type, with all of its fields and with only the " +
			"required ones. Nodes have no other way to talk to each other.", everyTypeRoundTrips},
	{"OptsRoundTrip", "codec.Opts",
		"Rooms, Except and Flags arrive as they were sent, in every combination, and unset fields arrive unset: " +
			"Except alone selects everybody else, compress has three states, a timeout of 0 is the receiver's " +
			"default.", optsRoundTrip},
	{"NobodyIsNeverEverybody", "codec.Opts.Nobody",
		"A message to nobody (Opts.Nobody) is refused with ErrNobody, or parsed as a message to nobody again. " +
			"Written without rooms it would disconnect everybody.", nobodyIsNeverEverybody},
	{"HeadersRoundTrip", "codec.Envelope.NSP",
		"The header holds any text of any length, and may lack the namespace: the receiver then takes it from " +
			"the channel. Remote clients choose namespaces, other nodes choose uids and request ids.",
		headersRoundTrip},
	{"ReferencesRoundTrip", "codec.Envelope.AttachmentID",
		"With an AttachmentID the envelope is a reference: it has a header and no data, whatever its type, and " +
			"its id is text, even if it looks like a number. The AttachmentKey is in the reference and in the stored " +
			"message: it reveals a row that was replaced.", referencesRoundTrip},
}

func everyTypeRoundTrips(c *codecChecker) {
	c.roundTrip(c.samples()...)
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxInt32, min(math.MaxInt, 1<<32),
		min(math.MaxInt, 1<<53-1)} {
		env := &codec.Envelope{Type: codec.BroadcastClientCount, UID: sampleUID, NSP: "/", RequestID: "1",
			ClientCount: n}
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
		for _, timeout := range []time.Duration{0, time.Millisecond, 1500 * time.Millisecond, 24 * time.Hour,
			math.MaxInt32 * time.Millisecond} {
			for bits := range 8 {
				set := codec.Flags{Volatile: bits&1 > 0, ExpectSingleResponse: bits&2 > 0, Compress: compress,
					Timeout: timeout, Relayed: bits&4 > 0}
				for _, rooms := range [][]string{nil, {"room"}, {"b", "a", "b"}} {
					for _, except := range [][]string{nil, {"exception"}, {"", "room"}} {
						for _, env := range c.selectorEnvelopes(codec.Opts{Rooms: rooms, Except: except, Flags: set}) {
							c.roundTrip(sample{name: fmt.Sprintf("%v with rooms %q, except %q, %s", env.Type, rooms,
								except, flagsText(set)), env: env})
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
				called := s.called(f)
				p, err := c.appendSample(nil, s, f)
				if err != nil {
					if !errors.Is(err, codec.ErrNobody) {
						c.fail(called, "ErrNobody", "the error %q", err)
					}
					continue
				}
				if got := c.mustParse(called, p, f); !got.Opts.Nobody {
					c.fail(called+", Parse", "ErrNobody from Append, or Opts.Nobody", "Opts %+v", got.Opts)
				}
			}
		}
	}
}

// headerTexts returns texts of the lengths at which a codec may encode a length differently, and tricky ones.
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
		leave := codec.Envelope{Type: codec.AdapterClose, UID: sampleUID, NSP: "/", CloseKey: text}
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
			"CloseKey":  {leave, func(e *codec.Envelope) { e.CloseKey = text }},
		} {
			e.set(&e.env)
			c.roundTrip(sample{name: fmt.Sprintf("%v with %s as %s", e.env.Type, quote(text), field), env: &e.env})
		}
	}
	env := &codec.Envelope{Type: codec.Broadcast, UID: codec.EmitterUID, NSP: "/", Args: c.newArgs("e")}
	c.roundTrip(sample{name: "BROADCAST of the emitter", env: env})
}

func referencesRoundTrip(c *codecChecker) {
	c.roundTrip(c.referenceSamples()...)
	for _, text := range headerTexts()[1:] { // without an id it is not a reference
		env := codec.Envelope{Type: codec.FetchSocketsResponse, UID: sampleUID, NSP: "/", AttachmentID: text,
			RequesterUID: text, AttachmentKey: text}
		c.roundTrip(sample{name: "reference to " + quote(text), env: &env})
	}
}
