package conformance_test

import (
	"errors"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/fault"
)

var errUnsupported = &fault.UnsupportedError{Op: "this", Dialect: "standard"}

func broadcasts(env *codec.Envelope) bool { return env.Type == codec.Broadcast }

// plainWire returns a mutant without optional interfaces.
func plainWire(check, bug string, change func(w *mutableWire)) mutant[conformance.DialectHarness] {
	return breaksDialect(check, bug, func() mutableDialect { return mutableDialect{plain: true, wire: change} })
}

// lacks returns a mutant whose Append leaves something out of the messages of one type.
func lacks(what string, t codec.Type, change func(env *codec.Envelope)) mutant[conformance.DialectHarness] {
	return sends("EveryTypeRoundTrips", "forgets "+what, func(env *codec.Envelope) {
		if env.Type == t {
			change(env)
		}
	})
}

var dialectTypeMutants = []mutant[conformance.DialectHarness]{
	refusesToSend("BroadcastIsCarried", "has no broadcasts", errUnsupported, broadcasts),
	refusesToSend("BroadcastIsCarried", "has no broadcasts with exceptions", errUnsupported,
		func(env *codec.Envelope) bool { return broadcasts(env) && len(env.Opts.Except) > 0 }),
	refusesToSend("BroadcastIsCarried", "has broadcasts in one namespace only", errUnsupported,
		func(env *codec.Envelope) bool { return broadcasts(env) && env.NSP != "/" }),
	breaksWire("BroadcastIsCarried", "does not say that it has broadcasts", func(w *mutableWire) {
		w.carries = func(t codec.Type) bool { return t != codec.Broadcast && w.richWire.Carries(t) }
	}),

	plainWire("HeartbeatsAreCarried", "has no leave messages", func(w *mutableWire) {
		w.carries = func(t codec.Type) bool { return t != codec.AdapterClose && w.richWire.Carries(t) }
	}),
	plainWire("HeartbeatsAreCarried", "has heartbeats of processes only", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			if env.Type == codec.Heartbeat && env.NSP != "" {
				return dst, errUnsupported
			}
			return w.richWire.Append(dst, env)
		}
	}),
	plainWire("HeartbeatsAreCarried", "forgets what a leave message proves", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			changed := *env
			changed.CloseKey = ""
			return w.richWire.Append(dst, &changed)
		}
	}),

	breaksWire("CarriesAgreesWithAppend", "says that it has everything", func(w *mutableWire) {
		w.carries = func(t codec.Type) bool { return t > 0 && t <= codec.SocketChanged }
	}),
	breaksWire("CarriesAgreesWithAppend", "denies what it has", func(w *mutableWire) {
		w.carries = func(t codec.Type) bool { return t != codec.FetchSockets && w.richWire.Carries(t) }
	}),
	breaksWire("CarriesAgreesWithAppend", "claims types that do not exist", func(w *mutableWire) {
		w.carries = func(t codec.Type) bool { return t == 99 || w.richWire.Carries(t) }
	}),
	refusesToSend("CarriesAgreesWithAppend", "returns another error for what it does not have", errors.ErrUnsupported,
		func(env *codec.Envelope) bool { return env.Type > codec.RequestRefused }),
	refusesToSend("CarriesAgreesWithAppend", "does not say which dialect it is", &fault.UnsupportedError{Op: "this"},
		func(env *codec.Envelope) bool { return env.Type > codec.RequestRefused }),
	breaksWire("CarriesAgreesWithAppend", "returns half a message with the error", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			p, err := w.richWire.Append(dst, env)
			if err != nil {
				p = append(p, `{"uid":"`...)
			}
			return p, err
		}
	}),

	lacks("the exceptions of a join", codec.SocketsJoin, func(env *codec.Envelope) { env.Opts.Except = nil }),
	lacks("all but one room to leave", codec.SocketsLeave, func(env *codec.Envelope) {
		env.Rooms = env.Rooms[:min(1, len(env.Rooms))]
	}),
	lacks("whether to close", codec.DisconnectSockets, func(env *codec.Envelope) { env.Close = false }),
	lacks("the acknowledgement of a broadcast", codec.Broadcast, func(env *codec.Envelope) { env.RequestID = "" }),
	lacks("the count of clients", codec.BroadcastClientCount, func(env *codec.Envelope) { env.ClientCount = 0 }),
	lacks("further arguments of an acknowledgement", codec.BroadcastAck, func(env *codec.Envelope) {
		env.Value = env.Value.WithRest(codec.Value{})
	}),
	lacks("the last socket", codec.FetchSocketsResponse, func(env *codec.Envelope) {
		env.Sockets = env.Sockets[:min(1, len(env.Sockets))]
	}),
	lacks("the hash of a leave key", codec.InitialHeartbeat, func(env *codec.Envelope) { env.CloseHash = "" }),
	breaksWire("EveryTypeRoundTrips", "does not write large counts", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			changed := *env
			changed.ClientCount &= 0xffff
			return w.richWire.Append(dst, &changed)
		}
	}),
	receives("EveryTypeRoundTrips", "reports skipped parts of its own messages",
		func(env *codec.Envelope) { env.Skipped++ }),
	breaksWire("EveryTypeRoundTrips", "forgets that a join expects an answer", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			changed := *env
			if changed.Type == codec.SocketsJoin {
				changed.RequestID = "" // and so no error that there is no answer
			}
			return w.richWire.Append(dst, &changed)
		}
	}),

	processMutant("forgets the clock", func(env *codec.Envelope) { env.Clock = 0 }),
	processMutant("forgets the process", func(env *codec.Envelope) { env.Process = "" }),
	processMutant("forgets the sender", func(env *codec.Envelope) { env.UID = "" }),
	processMutant("cuts the clock", func(env *codec.Envelope) { env.Clock &= 1<<32 - 1 }),
	receives("ProcessHeartbeatRoundTrips", "gives it a namespace", func(env *codec.Envelope) {
		if env.NSP == "" {
			env.NSP = "/"
		}
	}),
	refusesToSend("ProcessHeartbeatRoundTrips", "has none", errUnsupported,
		func(env *codec.Envelope) bool { return env.NSP == "" }),

	optsMutant("forgets exceptions", func(o *codec.Opts) { o.Except = nil }),
	optsMutant("forgets exceptions if there are rooms", func(o *codec.Opts) {
		if len(o.Rooms) > 0 {
			o.Except = nil
		}
	}),
	optsMutant("forgets that a packet is volatile", func(o *codec.Opts) { o.Flags.Volatile = false }),
	optsMutant("does not write that a packet must not be compressed", func(o *codec.Opts) {
		if c := o.Flags.Compress; c != nil && !*c {
			o.Flags.Compress = nil
		}
	}),
	optsMutant("cuts a room at #", func(o *codec.Opts) {
		if len(o.Rooms) == 1 {
			o.Rooms = []string{mainNamespace(o.Rooms[0])}
		}
	}),

	sends("SendersRoundTrip", "writes some senders in another form", func(env *codec.Envelope) {
		if env.UID == "0000000000000000" {
			env.UID = "0"
		}
	}),
	receives("SendersRoundTrip", "does not know emitters", func(env *codec.Envelope) {
		if env.UID == codec.EmitterUID {
			env.UID = ""
		}
	}),
	sends("SendersRoundTrip", "names itself in the place of the sender", func(env *codec.Envelope) {
		env.UID = "1111111111111111"
	}),

	sends("NobodyIsNeverEverybody", "sends it to everybody", func(env *codec.Envelope) { env.Opts.Nobody = false }),
	sends("NobodyIsNeverEverybody", "disconnects everybody", func(env *codec.Envelope) {
		env.Opts.Nobody = env.Opts.Nobody && env.Type != codec.DisconnectSockets
	}),
	refusesToSend("NobodyIsNeverEverybody", "returns another error", errUnsupported,
		func(env *codec.Envelope) bool { return broadcasts(env) && env.Opts.Nobody }),

	optsRelayed("forgets it", func(o *codec.Opts) { o.Flags.Relayed = false }),
	optsRelayed("always sets it", func(o *codec.Opts) { o.Flags.Relayed = true }),
	optsRelayed("forgets it if there are rooms", func(o *codec.Opts) {
		o.Flags.Relayed = o.Flags.Relayed && len(o.Rooms) == 0
	}),
}

func processMutant(bug string, change func(env *codec.Envelope)) mutant[conformance.DialectHarness] {
	return sends("ProcessHeartbeatRoundTrips", bug, func(env *codec.Envelope) {
		if env.NSP == "" {
			change(env)
		}
	})
}

func optsMutant(bug string, change func(o *codec.Opts)) mutant[conformance.DialectHarness] {
	return sends("OptsRoundTrip", bug, func(env *codec.Envelope) { change(&env.Opts) })
}

func optsRelayed(bug string, change func(o *codec.Opts)) mutant[conformance.DialectHarness] {
	return sends("RelayedIsKept", bug, func(env *codec.Envelope) { change(&env.Opts) })
}
