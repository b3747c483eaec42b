package jsonmsgpack

import (
	"fmt"
	"math"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/message"
)

func parse(r reader) (*codec.Envelope, error) {
	p := parser{r: r}
	env := p.envelope()
	if p.err != nil {
		return nil, p.err
	}
	env.Skipped = p.skipped
	return env, nil
}

// envelope parses a whole message. The keys may come in any order. If data comes before the type, it is skipped and
// parsed at the end.
func (p *parser) envelope() *codec.Envelope {
	env := &codec.Envelope{}
	typed := false
	data := -1            // the position of data
	var readAs codec.Type // the type that data was parsed for
	p.openMap("")
	for p.key() {
		switch string(p.k) {
		case "type":
			env.Type = codec.Type(p.integer("type", message.MinType, message.MaxType))
			typed = true
		case "uid":
			env.UID = p.sender("uid")
		case "nsp":
			env.NSP = p.str("nsp")
		case "attachmentId":
			env.AttachmentID = p.attachmentID()
		case "attachmentKey":
			env.AttachmentKey = p.text("attachmentKey")
		case "requesterUid":
			env.RequesterUID = p.text("requesterUid")
		case "closeHash":
			env.CloseHash = p.text("closeHash")
		case "closeKey":
			env.CloseKey = p.text("closeKey")
		case "process":
			env.Process = p.text("process")
		case "clock":
			env.Clock = 0
			if n, ok := p.number("clock"); ok && n.Integer && 0 <= n.I && n.I <= message.MaxSafe {
				env.Clock = uint64(n.I)
			} else if ok {
				p.skipped++
			}
		case "data":
			data = p.r.pos()
			if typed && message.FieldsOf(env.Type) != 0 {
				readAs = env.Type
				p.data(env)
			} else {
				readAs = 0
				p.skip()
			}
		case "source", "nodeId", "nonce": // not needed
			p.skip()
		default:
			p.skipInvalid()
		}
	}
	if p.err == nil {
		p.fail("", p.r.end())
	}
	if !typed {
		p.fail("type", message.ErrMissing)
	}
	if p.err != nil {
		return nil
	}

	switch {
	case env.AttachmentID != "" || message.FieldsOf(env.Type) == 0:
		clearData(env)
	case data < 0:
		p.fail("data", message.ErrMissing)
	case readAs != env.Type:
		p.r.seek(data)
		p.data(env)
	}
	return env
}

// clearData resets all fields but the header.
func clearData(env *codec.Envelope) {
	*env = codec.Envelope{
		Type:          env.Type,
		UID:           env.UID,
		NSP:           env.NSP,
		AttachmentID:  env.AttachmentID,
		AttachmentKey: env.AttachmentKey,
		RequesterUID:  env.RequesterUID,
		Process:       env.Process,
		Clock:         env.Clock,
		CloseHash:     env.CloseHash,
		CloseKey:      env.CloseKey,
	}
}

// attachmentID reads a string or a number. null and 0 mean none, as in JavaScript.
func (p *parser) attachmentID() string {
	if p.err == nil && p.r.kind() == kindNumber {
		if n := p.integer("attachmentId", 0, math.MaxInt64); n != 0 {
			return number{I: n, Integer: true}.Text()
		}
		return ""
	}
	return p.text("attachmentId")
}

func (p *parser) data(env *codec.Envelope) {
	clearData(env)
	p.openMap("data")
	var seen message.Fields
	var rest codec.Value
	for p.key() {
		f := message.Named(p.k) & message.FieldsOf(env.Type)
		seen |= f
		switch f {
		case message.Packet:
			p.packet(env)
		case message.Rest:
			rest = p.value("data.rest")
		case message.Opts:
			p.opts(&env.Opts)
		case message.RequestID:
			env.RequestID = p.text("data.requestId")
		case message.Rooms:
			env.Rooms = nil
			if !p.null() {
				env.Rooms, _ = p.names("data.rooms")
			}
		case message.Close:
			env.Close = p.flag("data.close")
		case message.ClientCount:
			env.ClientCount = int(p.integer("data.clientCount", 0, message.MaxCount))
		case message.Sockets:
			p.sockets(env)
		default:
			p.skipInvalid()
		}
	}
	if !rest.IsNull() {
		env.Value = env.Value.WithRest(rest)
	}
	if missing := message.Required(env.Type) &^ seen; missing != 0 {
		p.fail("data."+missing.First().Name(), message.ErrMissing)
	}
}

func (p *parser) packet(env *codec.Envelope) {
	switch env.Type {
	case codec.ServerSideEmit:
		env.Args = p.args("data.packet")
		return
	case codec.ServerSideEmitResponse, codec.BroadcastAck:
		env.Value = p.value("data.packet")
		return
	}
	env.Args = codec.Args{}
	seen := false
	p.openMap("data.packet")
	for p.key() {
		switch string(p.k) {
		case "type":
			// 2 is EVENT. 5 is BINARY_EVENT, which old parsers write for an event that holds bytes.
			if t, ok := p.number("data.packet.type"); ok && t.Float() != packetType && t.Float() != 5 {
				p.fail("data.packet.type", fmt.Errorf("%s is not an event", t.Text()))
			}
		case "data":
			seen = true
			env.Args = p.args("data.packet.data")
		case "nsp", "id", "options", "attachments": // only for the server that sends
			p.skip()
		default:
			p.skipInvalid()
		}
	}
	if !seen {
		p.fail("data.packet.data", message.ErrMissing)
	}
}

func (p *parser) opts(o *codec.Opts) {
	*o = codec.Opts{}
	var nowhere, unclear bool // no room was readable; except was not readable
	p.openMap("data.opts")
	for p.key() {
		switch string(p.k) {
		case "rooms":
			var given bool
			o.Rooms, given = p.list("data.opts.rooms")
			nowhere = given && len(o.Rooms) == 0
		case "except":
			unclear = p.err == nil && p.r.kind() != kindArray && p.r.kind() != kindNull
			o.Except, _ = p.list("data.opts.except")
		case "flags":
			p.flags(&o.Flags)
		default:
			p.skipInvalid()
		}
	}
	if nowhere || unclear {
		o.Nobody, o.Rooms = true, nil
	}
}

func (p *parser) flags(f *codec.Flags) {
	*f = codec.Flags{}
	if !p.expect(kindMap) {
		return
	}
	p.openMap("data.opts.flags")
	for p.key() {
		switch string(p.k) {
		case "volatile":
			f.Volatile = p.flag("data.opts.flags.volatile")
		case "compress":
			f.Compress = nil
			if p.expect(kindBool) {
				b := p.flag("data.opts.flags.compress")
				f.Compress = &b
			}
		case "timeout":
			n, _ := p.number("data.opts.flags.timeout")
			f.Timeout = message.Timeout(n.Float())
		case "expectSingleResponse":
			f.ExpectSingleResponse = p.flag("data.opts.flags.expectSingleResponse")
		case "relayed":
			f.Relayed = p.flag("data.opts.flags.relayed")
		case "local", "broadcast", "binary": // flags of Node.js that matter only to the server that sends
			p.skip()
		default:
			p.skipInvalid()
		}
	}
}

func (p *parser) sockets(env *codec.Envelope) {
	env.Sockets = nil
	if p.err != nil {
		return
	}
	p.fail("data.sockets", p.r.openArray())
	for p.elem("data.sockets") {
		if p.r.kind() != kindMap {
			p.skipInvalid()
			continue
		}
		var s codec.Socket
		named := false
		p.openMap("data.sockets")
		for p.key() {
			switch string(p.k) {
			case "id":
				s.ID, named = p.name("data.sockets.id")
			case "handshake":
				s.Handshake = p.socketValue("data.sockets.handshake")
			case "rooms":
				s.Rooms, _ = p.list("data.sockets.rooms")
			case "data":
				s.Data = p.socketValue("data.sockets.data")
			default:
				p.skipInvalid()
			}
		}
		if named {
			env.Sockets = append(env.Sockets, s)
		} else {
			p.skipped++
		}
	}
}
