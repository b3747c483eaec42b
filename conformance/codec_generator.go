package conformance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// generator makes random messages, the same ones for the same seed.
type generator struct {
	*rand.Rand
	allowSpecial bool // data may contain bytes and times
	hasBytes     bool // the current message contains bytes
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 0))} }

var generatedTypes = []codec.Type{codec.InitialHeartbeat, codec.Heartbeat, codec.Broadcast, codec.SocketsJoin,
	codec.SocketsLeave, codec.DisconnectSockets, codec.FetchSockets,
	codec.FetchSocketsResponse, codec.ServerSideEmit, codec.ServerSideEmitResponse, codec.BroadcastClientCount,
	codec.BroadcastAck, codec.AdapterClose, codec.RequestRefused}

func (g *generator) sample(name string) sample {
	t := generatedTypes[g.IntN(len(generatedTypes))]
	g.allowSpecial, g.hasBytes = g.IntN(3) == 0, false
	env := &codec.Envelope{Type: t, UID: g.text(), NSP: g.text()}
	if g.IntN(8) == 0 {
		env.AttachmentKey = g.text()
	}
	if g.IntN(3) == 0 {
		env.Nonce = g.Uint64() & (1<<53 - 1)
	}
	switch {
	case g.IntN(8) == 0:
		env.AttachmentID, env.RequesterUID = "id"+g.text(), g.text()
	case t == codec.InitialHeartbeat || t == codec.Heartbeat:
		env.Process, env.CloseHash, env.Clock = g.text(), g.text(), g.Uint64()>>(11+g.IntN(53))
	case t == codec.AdapterClose:
		env.CloseKey = g.text()
	default:
		g.fill(env)
	}
	return sample{fmt.Sprintf("%v, %s", t, name), env, g.hasBytes}
}

// fill sets the fields that a message of its type has.
func (g *generator) fill(env *codec.Envelope) {
	switch env.Type {
	case codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.FetchSockets:
		env.Opts = codec.Opts{Rooms: g.names(), Except: g.names(), Flags: g.flags()}
	}
	switch env.Type {
	case codec.Broadcast, codec.ServerSideEmit:
		env.Args = g.args()
		if g.IntN(2) == 0 {
			env.RequestID = g.text()
		}
	case codec.SocketsJoin, codec.SocketsLeave:
		env.Rooms = g.names()
	case codec.DisconnectSockets:
		env.Close = g.IntN(2) == 0
	case codec.FetchSockets, codec.RequestRefused:
		env.RequestID = g.text()
	case codec.FetchSocketsResponse:
		env.RequestID = g.text()
		for range g.length() / 4 {
			env.Sockets = append(env.Sockets, codec.Socket{ID: g.text(), Rooms: g.names(), Data: g.value(),
				Handshake: g.value()})
		}
	case codec.ServerSideEmitResponse, codec.BroadcastAck:
		env.RequestID, env.Value = g.text(), g.value()
		if g.IntN(3) == 0 {
			env.Value = env.Value.WithRest(codec.FromTree([]any{g.tree(3), nil, g.tree(2)}))
		}
	case codec.BroadcastClientCount:
		env.RequestID, env.ClientCount = g.text(), int(g.Uint32()>>(1+g.IntN(31)))
	}
}

// length is usually small.
func (g *generator) length() int { return g.IntN(1 << g.IntN(8)) }

func (g *generator) text() string {
	switch g.IntN(4) {
	case 0:
		return sampleUID
	case 1:
		return trickyTexts[g.IntN(len(trickyTexts))]
	}
	var b strings.Builder
	for range g.length() {
		r := rune(g.IntN(128))
		if g.IntN(3) == 0 {
			r = rune(g.IntN(0xd800 << g.IntN(2)))
		}
		if g.IntN(9) == 0 {
			r = rune(0x10000 + g.IntN(0x100000))
		}
		b.WriteRune(r) // a surrogate becomes U+FFFD
	}
	return b.String()
}

func (g *generator) names() (list []string) {
	for range g.length() / 2 {
		list = append(list, g.text())
	}
	return list
}

func (g *generator) flags() codec.Flags {
	f := codec.Flags{Volatile: g.IntN(2) == 0, ExpectSingleResponse: g.IntN(2) == 0}
	if g.IntN(2) == 0 {
		yes := g.IntN(2) == 0
		f.Compress = &yes
	}
	if g.IntN(2) == 0 {
		f.Timeout = time.Duration(g.Uint32()>>(1+g.IntN(31))) * time.Millisecond
	}
	return f
}

// value returns data as a tree or, if JSON can express it, as JSON.
func (g *generator) value() codec.Value {
	v := codec.FromTree(g.tree(5))
	if g.allowSpecial || g.IntN(2) == 0 {
		return v
	}
	text, err := v.JSON()
	if err != nil {
		return v
	}
	return codec.Raw(codec.JSON, text)
}

func (g *generator) args() codec.Args {
	list := []any{g.text()}
	for range g.length() / 8 {
		list = append(list, g.tree(5))
	}
	v := codec.FromTree(list)
	if text, err := v.JSON(); err == nil && !g.allowSpecial && g.IntN(2) == 0 {
		v = codec.Raw(codec.JSON, text)
	}
	args, _ := codec.ArgsOf(v) // cannot fail: it begins with a text
	return args
}

// tree returns data with at most depth levels.
func (g *generator) tree(depth int) any {
	kind := g.IntN(11)
	switch {
	case kind <= 1 && depth > 0:
		list := []any{}
		for range g.length() / 8 {
			list = append(list, g.tree(depth-1))
		}
		return list
	case kind <= 3 && depth > 0:
		o := codec.Object{}
		for range g.length() / 8 {
			o = append(o, codec.Member{Key: g.text(), Value: g.tree(depth - 1)})
		}
		return o
	case kind == 4 && g.allowSpecial:
		g.hasBytes = true
		p := make([]byte, g.length()*g.length()/16)
		for i := range p {
			p[i] = byte(g.Uint32())
		}
		return p
	case kind == 5 && g.allowSpecial:
		return time.UnixMilli(-62_135_596_800_000 + g.Int64N(315_537_897_600_000)).UTC() // year 1 to 9999
	}
	switch kind {
	case 6:
		return nil
	case 7:
		return g.IntN(2) == 0
	case 8:
		return int64(g.Uint64()) >> g.IntN(64)
	case 9:
		if f := math.Float64frombits(g.Uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
		return math.Copysign(0, -1)
	}
	return g.text()
}
