package conformance_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/dialect"
)

func TestDialectSuite(t *testing.T) {
	suiteTest[conformance.DialectHarness]{
		checks:   conformance.DialectChecks(),
		why:      conformance.DialectWhy,
		computes: true,
		run:      conformance.CheckDialect,
		good: func(t *testing.T) conformance.DialectHarness {
			switch t.Name() {
			case "TestDialectSuite/Good/HeartbeatsAreCarried":
				return dialectHarness(mutableDialect{plain: true})
			case "TestDialectSuite/Good/CountedChannelIsHeard", "TestDialectSuite/Good/OnlyNodesAreCounted":
				return dialectHarness(countedDialect(func(_, channel string) string { return channel }))
			case "TestDialectSuite/Good/RoomChannelsSuitTheBus", "TestDialectSuite/Good/RoomsHaveTheirOwnChannels",
				"TestDialectSuite/Good/RoomMessagesReachTheirNodes", "TestDialectSuite/Good/RoomsAreNotCounted":
				return roomsHarness(func(r dialect.RoomRoute, _, _ string) dialect.Route { return r })
			}
			return dialectHarness(richDialect{})
		},
		mutants: slices.Concat(dialectOpenMutants, dialectTypeMutants, dialectDataMutants, dialectAppendMutants,
			dialectChannelMutants, dialectNamespaceMutants, dialectForeignMutants, splitMutants, attachMutants,
			dialectPeekMutants, dialectAnswerMutants, overlapMutants, censusMutants, countedMutants, roomMutants,
			dialectUseMutants),
	}.test(t)
}

func TestMissingDialectAbilitiesSkipByName(t *testing.T) {
	h := dialectHarness(mutableDialect{plain: true})
	for check, text := range map[string]string{
		"PiecesFitTheBus":             "not implement dialect.Splitter",
		"BodiesRoundTrip":             "not implement dialect.Attacher",
		"PeekIsCheap":                 "not implement dialect.Peeker",
		"OverlapsNamesOthersThatHear": "not implement dialect.Overlapper",
		"CensusFindsOthers":           "not implement dialect.Census",
		"CountedChannelIsHeard":       "not implement dialect.Counted",
		"RoomChannelsSuitTheBus":      "not implement dialect.RoomRoute",
	} {
		r := record(t, func(tb testing.TB) { conformance.CheckDialect(tb, check, h) })
		require.False(t, r.failed, r.text)
		require.True(t, r.skipped, check)
		require.Contains(t, r.text, text)
	}
}

func dialectHarness(d dialect.Dialect) conformance.DialectHarness {
	return conformance.DialectHarness{Dialect: d, MaxKept: maxKept, Patience: 2 * time.Second}
}

// mutableDialect is richDialect, whose parts can be replaced.
type mutableDialect struct {
	name  func() string
	open  func(o dialect.Options) (dialect.Wire, error)
	wire  func(w *mutableWire)
	plain bool // without optional interfaces
}

func (d mutableDialect) Name() string {
	if d.name != nil {
		return d.name()
	}
	return "standard"
}

func (d mutableDialect) Open(o dialect.Options) (dialect.Wire, error) {
	if d.open != nil {
		return d.open(o)
	}
	good, err := openRich(o)
	if err != nil {
		return nil, err
	}
	w := &mutableWire{richWire: good, options: o}
	if d.wire != nil {
		d.wire(w)
	}
	if d.plain {
		return struct{ dialect.Wire }{w}, nil
	}
	return w, nil
}

// mutableWire is a richWire, whose methods can be replaced.
type mutableWire struct {
	*richWire
	options dialect.Options

	namespace  func(name, uid string) (dialect.Route, error)
	carries    func(t codec.Type) bool
	append     func(dst []byte, env *codec.Envelope) ([]byte, error)
	parse      func(channel string, p []byte) (*codec.Envelope, error)
	appendBody func(dst []byte, env *codec.Envelope) ([]byte, error)
	parseBody  func(p []byte) (*codec.Envelope, error)
	split      func(dst []byte, env *codec.Envelope, limit int) ([]byte, []int, error)
	sentBy     func(p []byte, uid string) bool
	peekAnswer func(channel string, p []byte) *codec.Envelope
	overlaps   func(env *codec.Envelope) []string
	enter      func(ctx context.Context, nsp string) error
	leave      func(ctx context.Context, nsp string) error
	others     func(ctx context.Context, nsp string) (dialect.Nodes, error)
}

func (w *mutableWire) Namespace(name, uid string) (dialect.Route, error) {
	if w.namespace != nil {
		return w.namespace(name, uid)
	}
	return w.richWire.Namespace(name, uid)
}

func (w *mutableWire) Carries(t codec.Type) bool {
	if w.carries != nil {
		return w.carries(t)
	}
	return w.richWire.Carries(t)
}

func (w *mutableWire) Append(dst []byte, env *codec.Envelope) ([]byte, error) {
	if w.append != nil {
		return w.append(dst, env)
	}
	return w.richWire.Append(dst, env)
}

func (w *mutableWire) Parse(channel string, p []byte) (*codec.Envelope, error) {
	if w.parse != nil {
		return w.parse(channel, p)
	}
	return w.richWire.Parse(channel, p)
}

func (w *mutableWire) AppendBody(dst []byte, env *codec.Envelope) ([]byte, error) {
	if w.appendBody != nil {
		return w.appendBody(dst, env)
	}
	return w.richWire.AppendBody(dst, env)
}

func (w *mutableWire) ParseBody(p []byte) (*codec.Envelope, error) {
	if w.parseBody != nil {
		return w.parseBody(p)
	}
	return w.richWire.ParseBody(p)
}

func (w *mutableWire) Split(dst []byte, env *codec.Envelope, limit int) ([]byte, []int, error) {
	if w.split != nil {
		return w.split(dst, env, limit)
	}
	return w.richWire.Split(dst, env, limit)
}

func (w *mutableWire) SentBy(p []byte, uid string) bool {
	if w.sentBy != nil {
		return w.sentBy(p, uid)
	}
	return w.richWire.SentBy(p, uid)
}

func (w *mutableWire) PeekAnswer(channel string, p []byte) *codec.Envelope {
	if w.peekAnswer != nil {
		return w.peekAnswer(channel, p)
	}
	return w.richWire.PeekAnswer(channel, p)
}

func (w *mutableWire) Overlaps(env *codec.Envelope) []string {
	if w.overlaps != nil {
		return w.overlaps(env)
	}
	return w.richWire.Overlaps(env)
}

func (w *mutableWire) Enter(ctx context.Context, nsp string) error {
	if w.enter != nil {
		return w.enter(ctx, nsp)
	}
	return w.richWire.Enter(ctx, nsp)
}

func (w *mutableWire) Leave(ctx context.Context, nsp string) error {
	if w.leave != nil {
		return w.leave(ctx, nsp)
	}
	return w.richWire.Leave(ctx, nsp)
}

func (w *mutableWire) Others(ctx context.Context, nsp string) (dialect.Nodes, error) {
	if w.others != nil {
		return w.others(ctx, nsp)
	}
	return w.richWire.Others(ctx, nsp)
}
