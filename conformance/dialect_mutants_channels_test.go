package conformance_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/fault"
)

// funcRoute is a Route whose methods are funcs.
type funcRoute struct {
	listen  func() []string
	channel func(env *codec.Envelope) string
}

func (r funcRoute) Listen() []string                   { return r.listen() }
func (r funcRoute) Channel(env *codec.Envelope) string { return r.channel(env) }

// routing returns a mutant with other routes. The func change gets the correct one.
func routing(check, bug string, change func(w *mutableWire, name, uid string, r dialect.Route) dialect.Route,
) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.namespace = func(name, uid string) (dialect.Route, error) {
			r, err := w.richWire.Namespace(name, uid)
			if err != nil {
				return nil, err
			}
			return change(w, name, uid, r), nil
		}
	})
}

// channeling returns a mutant whose messages go to other channels.
func channeling(check, bug string, change func(env *codec.Envelope, channel string) string,
) mutant[conformance.DialectHarness] {
	return routing(check, bug, func(_ *mutableWire, _, _ string, r dialect.Route) dialect.Route {
		return funcRoute{r.Listen, func(env *codec.Envelope) string { return change(env, r.Channel(env)) }}
	})
}

// naming returns a mutant whose Namespace has other results.
func naming(check, bug string, change func(name string, r dialect.Route, err error) (dialect.Route, error),
) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.namespace = func(name, uid string) (dialect.Route, error) {
			r, err := w.richWire.Namespace(name, uid)
			return change(name, r, err)
		}
	})
}

var dialectChannelMutants = []mutant[conformance.DialectHarness]{
	channeling("MessagesReachTheirNodes", "sends answers to the node that answers",
		func(env *codec.Envelope, channel string) string {
			return strings.ReplaceAll(channel, askerMark+env.RequesterUID, askerMark+env.UID)
		}),
	channeling("MessagesReachTheirNodes", "has a channel per room to which nobody listens",
		func(env *codec.Envelope, channel string) string {
			if env.Type == codec.Broadcast && len(env.Opts.Rooms) == 1 {
				return channel + "#" + env.Opts.Rooms[0]
			}
			return channel
		}),
	routing("MessagesReachTheirNodes", "listens to its own channel only",
		func(_ *mutableWire, _, _ string, r dialect.Route) dialect.Route {
			all := r.Listen()
			return funcRoute{func() []string { return all[len(all)-1:] }, r.Channel}
		}),
	routing("MessagesReachTheirNodes", "has a channel for each process",
		func(_ *mutableWire, name, uid string, r dialect.Route) dialect.Route {
			if name != "" {
				return r
			}
			return &askerRoute{[]string{r.Listen()[0] + uid}}
		}),

	channeling("ChannelNamesSuitTheBus", "puts the room into the name of the channel",
		func(env *codec.Envelope, channel string) string {
			if len(env.Opts.Rooms) == 1 {
				return channel + "#" + env.Opts.Rooms[0]
			}
			return channel
		}),
	routing("ChannelNamesSuitTheBus", "is one byte too long",
		func(_ *mutableWire, name, _ string, r dialect.Route) dialect.Route {
			if len(name) < 20 {
				return r
			}
			return funcRoute{func() []string { return append(r.Listen(), r.Listen()[0]+strings.Repeat("x", 18)) },
				r.Channel}
		}),
	routing("ChannelNamesSuitTheBus", "has no name for emitters",
		func(_ *mutableWire, _, uid string, r dialect.Route) dialect.Route {
			if uid != codec.EmitterUID {
				return r
			}
			return funcRoute{func() []string { return []string{""} }, r.Channel}
		}),

	naming("UnusableNamesAreRefused", "returns another error", func(_ string, r dialect.Route, err error,
	) (dialect.Route, error) {
		if err != nil {
			err = errors.New("bad name")
		}
		return r, err
	}),
	naming("UnusableNamesAreRefused", "does not say which name", func(_ string, r dialect.Route, err error,
	) (dialect.Route, error) {
		if err != nil {
			err = &fault.NameError{Kind: "namespace", Reason: "it is bad"}
		}
		return r, err
	}),
	breaksWire("UnusableNamesAreRefused", "cuts long names", func(w *mutableWire) {
		w.namespace = func(name, uid string) (dialect.Route, error) {
			r, err := w.richWire.Namespace(name, uid)
			if err != nil && len(name) > 30 && w.limits.Channel > 0 {
				return w.richWire.Namespace(strings.ToValidUTF8(name[:30], ""), uid)
			}
			return r, err
		}
	}),
	breaksWire("UnusableNamesAreRefused", "accepts names that are not valid UTF-8", func(w *mutableWire) {
		w.namespace = func(name, uid string) (dialect.Route, error) {
			if strings.Contains(name, "\xff") {
				return &askerRoute{[]string{name, name + uid}}, nil
			}
			return w.richWire.Namespace(name, uid)
		}
	}),

	routing("RoutesAreConstant", "counts its routes",
		func(w *mutableWire, _, _ string, r dialect.Route) dialect.Route {
			n := w.sets.Add(1)
			return funcRoute{func() []string { return append(r.Listen(), fmt.Sprint(n)) }, r.Channel}
		}),
	routing("RoutesAreConstant", "listens to a channel twice",
		func(_ *mutableWire, _, _ string, r dialect.Route) dialect.Route {
			return funcRoute{func() []string { return append(r.Listen(), r.Listen()...) }, r.Channel}
		}),
	breaksWire("RoutesAreConstant", "has one route for all", func(w *mutableWire) {
		last := &askerRoute{}
		w.namespace = func(name, uid string) (dialect.Route, error) {
			r, err := w.richWire.Namespace(name, uid)
			if err != nil {
				return nil, err
			}
			last.all = r.Listen()
			return last, nil
		}
	}),
	channeling("RoutesAreConstant", "takes turns with channels", func() func(*codec.Envelope, string) string {
		n := 0
		return func(_ *codec.Envelope, channel string) string { n++; return channel + fmt.Sprint(n%2) }
	}()),

	breaksWire("ProcessChannelIsItsOwn", "uses the channel of the main namespace", func(w *mutableWire) {
		w.namespace = func(name, uid string) (dialect.Route, error) {
			if name == "" {
				name = "/"
			}
			return w.richWire.Namespace(name, uid)
		}
	}),
	breaksWire("ProcessChannelIsItsOwn", "uses the channel of a namespace with an unusual name",
		func(w *mutableWire) {
			w.namespace = func(name, uid string) (dialect.Route, error) {
				if name == "" {
					name = "/*"
				}
				return w.richWire.Namespace(name, uid)
			}
		}),
	breaksWire("ProcessChannelIsItsOwn", "accepts namespaces without a slash", func(w *mutableWire) {
		w.namespace = func(name, uid string) (dialect.Route, error) {
			if name == "*" {
				return w.richWire.Namespace("", uid)
			}
			return w.richWire.Namespace(name, uid)
		}
	}),
}

// trusting returns a mutant that delivers foreign messages in some cases.
func trusting(check, bug string, change func(w *mutableWire, channel string, env *codec.Envelope) (*codec.Envelope,
	error),
) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.Parse(channel, p)
			if errors.Is(err, dialect.ErrForeign) {
				return change(w, channel, env)
			}
			return env, err
		}
	})
}

var dialectNamespaceMutants = []mutant[conformance.DialectHarness]{
	receives("NamespacesArriveByName", "gives messages the namespace of their channel", func(env *codec.Envelope) {
		env.NSP = mainNamespace(env.NSP)
	}),
	receives("NamespacesArriveByName", "ignores case", func(env *codec.Envelope) {
		env.NSP = strings.ToLower(env.NSP)
	}),
	receives("NamespacesArriveByName", "gives no namespace", func(env *codec.Envelope) { env.NSP = "" }),

	receives("NamespacesDoNotMix", "ends the name at #", func(env *codec.Envelope) {
		env.NSP = mainNamespace(env.NSP)
	}),
	receives("NamespacesDoNotMix", "takes the room for a part of the namespace", func(env *codec.Envelope) {
		if len(env.Opts.Rooms) == 1 && env.Opts.Rooms[0] == "b#c" {
			env.NSP += "#" + env.Opts.Rooms[0]
		}
	}),

	trusting("ForeignNamespacesAreReported", "delivers them", func(_ *mutableWire, _ string, env *codec.Envelope,
	) (*codec.Envelope, error) {
		return env, nil
	}),
	trusting("ForeignNamespacesAreReported", "delivers them in the namespace of the channel",
		func(w *mutableWire, channel string, env *codec.Envelope) (*codec.Envelope, error) {
			env.NSP = strings.TrimPrefix(channel, w.prefix+"#")
			return env, nil
		}),
	trusting("ForeignNamespacesAreReported", "reports them without the envelope",
		func(*mutableWire, string, *codec.Envelope) (*codec.Envelope, error) { return nil, dialect.ErrForeign }),
	trusting("ForeignNamespacesAreReported", "compares the beginning of the name only",
		func(w *mutableWire, channel string, env *codec.Envelope) (*codec.Envelope, error) {
			if strings.HasPrefix(channel, w.prefix+"#"+env.NSP) || env.NSP == "" {
				return env, nil
			}
			return env, dialect.ErrForeign
		}),

	breaksWire("PrefixesDoNotMix", "has the same channels with every prefix", func(w *mutableWire) {
		o := w.options
		o.Prefix = "x"
		if another, err := openRich(o); err == nil {
			w.richWire = another
		}
	}),
	breaksWire("PrefixesDoNotMix", "ends the prefix at #", func(w *mutableWire) {
		o := w.options
		o.Prefix = mainNamespace(o.Prefix)
		if another, err := openRich(o); err == nil {
			w.richWire = another
		}
	}),
	breaksWire("PrefixesDoNotMix", "has one channel for all processes", func(w *mutableWire) {
		good := w.richWire
		o := w.options
		o.Prefix = "process"
		another, err := standard.Dialect{}.Open(o)
		if err != nil {
			return
		}
		w.namespace = func(name, uid string) (dialect.Route, error) {
			if name == "" {
				return another.Namespace(name, uid)
			}
			return good.Namespace(name, uid)
		}
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			if channel == "process#*" {
				return another.Parse(channel, p)
			}
			return good.Parse(channel, p)
		}
	}),
	opens("PrefixesDoNotMix", "does not compare the name of the namespace", func(o dialect.Options,
		_ func(dialect.Options) (dialect.Wire, error)) (dialect.Wire, error) {
		w, err := standard.Dialect{}.Open(o)
		if err != nil {
			return nil, err
		}
		return trustingWire{w}, nil
	}),
}

// trustingWire delivers foreign messages.
type trustingWire struct{ dialect.Wire }

func (w trustingWire) Parse(channel string, p []byte) (*codec.Envelope, error) {
	env, err := w.Wire.Parse(channel, p)
	if errors.Is(err, dialect.ErrForeign) {
		return env, nil
	}
	return env, err
}
