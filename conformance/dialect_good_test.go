package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// richDialect is the standard dialect with everything that a Wire may have: answers go to the node that has asked,
// "/a#b" shares the channel of "/a", large messages are cut, and nodes are counted by a roster.
type richDialect struct{}

func (richDialect) Name() string { return "standard" }

func (richDialect) Open(o dialect.Options) (dialect.Wire, error) {
	w, err := openRich(o)
	if err != nil {
		return nil, err
	}
	return w, nil
}

func openRich(o dialect.Options) (*richWire, error) {
	inner, err := standard.Dialect{}.Open(o)
	if err != nil {
		return nil, err
	}
	if most := o.Limits.Channel - len("#/"+askerMark) - 16; o.Limits.Channel > 0 && len(o.Prefix) > most {
		return nil, &fault.NameError{Kind: "channel prefix", Name: o.Prefix, Reason: "it is too long"}
	}
	roster, _ := o.Bus.(transport.Roster)
	return &richWire{
		Wire: inner, Attacher: inner.(dialect.Attacher), Peeker: inner.(dialect.Peeker),
		answers: inner.(dialect.AnswerPeeker), limits: o.Limits, prefix: o.Prefix,
		pieces: pieces{most: maxKept, sets: make(map[string]*pieceSet)},
		rosterCensus: rosterCensus{roster: roster, prefix: o.Prefix, id: fmt.Sprint(wires.Add(1)),
			entries: make(map[string]transport.Entry)},
	}, nil
}

var wires atomic.Int64

// maxKept is how much memory a richWire keeps pieces in.
const maxKept = 1 << 20

type richWire struct {
	dialect.Wire
	dialect.Attacher
	dialect.Peeker
	rosterCensus
	answers dialect.AnswerPeeker
	pieces

	prefix string
	limits transport.Limits
	sets   atomic.Int64 // how many messages were split
}

// askerMark precedes the uid in the channel of a node. No namespace has it.
const askerMark = "\x1f"

type richRoute struct{ dialect.Route }

type askerRoute struct{ all []string }

func (r *askerRoute) Listen() []string { return slices.Clone(r.all) }

func (r *askerRoute) Channel(env *codec.Envelope) string {
	if env.Type.Response() && env.RequesterUID != "" {
		return r.all[0] + askerMark + env.RequesterUID
	}
	return r.all[0]
}

// main returns the namespace whose channel a namespace uses.
func mainNamespace(nsp string) string {
	main, _, _ := strings.Cut(nsp, "#")
	return main
}

func (w *richWire) Namespace(name, uid string) (dialect.Route, error) {
	if strings.Contains(name, askerMark) {
		return nil, &fault.NameError{Kind: "namespace", Name: name, Reason: "it holds a control character"}
	}
	if _, err := w.Wire.Namespace(name, uid); err != nil {
		return nil, err
	}
	r, err := w.Wire.Namespace(mainNamespace(name), uid)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return richRoute{r}, nil
	}
	base := r.Listen()[0]
	if most := w.limits.Channel; most > 0 && len(base)+len(askerMark)+16 > most {
		return nil, &fault.NameError{Kind: "namespace", Name: name, Reason: "it is too long"}
	}
	return &askerRoute{[]string{base, base + askerMark + uid}}, nil
}

func (w *richWire) Append(dst []byte, env *codec.Envelope) ([]byte, error) {
	return w.Wire.Append(dst, env)
}

func (w *richWire) Parse(channel string, p []byte) (*codec.Envelope, error) {
	if bytes.HasPrefix(p, []byte(pieceMark)) {
		var err error
		if p, err = w.pieces.add(p); p == nil {
			return nil, err
		}
	}
	channel, _, _ = strings.Cut(channel, askerMark)
	env, err := w.Wire.Parse(channel, p)
	if errors.Is(err, dialect.ErrForeign) && strings.Contains(env.NSP, "#") &&
		w.prefix+"#"+mainNamespace(env.NSP) == channel {
		return env, nil
	}
	return env, err
}

// PeekAnswer implements dialect.AnswerPeeker.
func (w *richWire) PeekAnswer(channel string, p []byte) *codec.Envelope {
	channel, _, _ = strings.Cut(channel, askerMark)
	return w.answers.PeekAnswer(channel, p)
}

// Overlaps implements dialect.Overlapper.
func (w *richWire) Overlaps(env *codec.Envelope) []string {
	if main := mainNamespace(env.NSP); env.Type == codec.DisconnectSockets && main != env.NSP && main != "/" {
		return []string{main}
	}
	return nil
}

const (
	pieceMark  = "~"
	pieceStart = 44 // the length of a piece's header
)

// Split implements dialect.Splitter.
func (w *richWire) Split(dst []byte, env *codec.Envelope, limit int) ([]byte, []int, error) {
	whole, err := w.Append(nil, env)
	if err != nil {
		return dst, nil, err
	}
	var parts [][]byte
	for len(whole) > 0 {
		n := min(limit-pieceStart, len(whole))
		for w.limits.Text && n < len(whole) && !utf8.RuneStart(whole[n]) {
			n--
		}
		parts, whole = append(parts, whole[:n]), whole[n:]
	}
	set := fmt.Sprintf("%010s%010d", w.id, w.sets.Add(1))
	var ends []int
	for i, part := range parts {
		dst = fmt.Appendf(dst, "%s%s %010d %010d~", pieceMark, set, i, len(parts))
		dst = append(dst, part...)
		ends = append(ends, len(dst))
	}
	return dst, ends, nil
}

// pieces are the pieces of incomplete messages.
type pieces struct {
	sets  map[string]*pieceSet
	order []string // of the sets, the oldest first
	size  int
	most  int
	mu    sync.Mutex
}

type pieceSet struct {
	parts   map[int][]byte
	count   int
	size    int
	waiting int
}

// add returns the whole message if p is the last piece that was missing.
func (w *pieces) add(p []byte) (whole []byte, err error) {
	var set string
	var i, count int
	if len(p) < pieceStart || p[pieceStart-1] != '~' {
		return nil, fmt.Errorf("a piece: %w", codec.ErrMalformed)
	}
	if _, err := fmt.Sscanf(string(p[len(pieceMark):pieceStart]), "%20s %010d %010d~", &set, &i, &count); err != nil {
		return nil, fmt.Errorf("a piece: %w: %w", codec.ErrMalformed, err)
	}
	if i < 0 || i >= count {
		return nil, fmt.Errorf("the number of a piece: %w", codec.ErrMalformed)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sets[set]
	if s == nil {
		s = &pieceSet{parts: make(map[int][]byte), count: count, waiting: count}
		w.sets[set] = s
		w.order = append(w.order, set)
	}
	if s.count != count {
		return nil, fmt.Errorf("the number of pieces: %w", codec.ErrMalformed)
	}
	if s.parts[i] != nil {
		return nil, nil
	}
	s.parts[i] = p[pieceStart:]
	s.waiting--
	s.size += len(p)
	w.size += len(p)
	if s.waiting == 0 {
		for i := range count {
			whole = append(whole, s.parts[i]...)
		}
		w.drop(set)
		return whole, nil
	}
	for w.size > w.most && len(w.order) > 1 {
		w.drop(w.order[0])
	}
	return nil, nil
}

func (w *pieces) drop(set string) {
	w.size -= w.sets[set].size
	delete(w.sets, set)
	w.order = slices.DeleteFunc(w.order, func(s string) bool { return s == set })
}
