package jsonmsgpack

import (
	"fmt"
	"math"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/internal/message"
)

func parse(r reader) (*codec.Envelope, error) {
	p := parser{r: r}
	env := p.envelope()
	if p.err != nil {
		return nil, p.err
	}
	return env, nil
}

// envelope reads a whole message. Keys may come in any order, so data may come before the type that says how to read
// it: it is then skipped, and read at the end.
func (p *parser) envelope() *codec.Envelope {
	env := &codec.Envelope{}
	typed := false
	data := -1            // where data begins
	var readAs codec.Type // as what data has been read
	p.openMap("")
	for p.key() {
		switch string(p.k) {
		case "type":
			env.Type = codec.Type(p.integer("type", message.MinType, message.MaxType))
			typed = true
		case "uid":
			env.UID = p.str("uid")
		case "nsp":
			env.NSP = p.str("nsp")
		case "attachmentId":
			env.AttachmentID = p.attachmentID()
		case "attachmentKey":
			env.AttachmentKey = p.str("attachmentKey")
		case "requesterUid":
			env.RequesterUID = p.str("requesterUid")
		case "closeHash":
			env.CloseHash = p.str("closeHash")
		case "closeKey":
			env.CloseKey = p.str("closeKey")
		case "process":
			env.Process = p.str("process")
		case "clock":
			env.Clock = uint64(p.integer("clock", 0, message.MaxSafe))
		case "data":
			data = p.r.pos()
			if typed && message.FieldsOf(env.Type) != 0 {
				readAs = env.Type
				p.data(env)
			} else {
				readAs = 0
				p.skip()
			}
		default:
			p.skip()
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

// clearData forgets all but the header.
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

// attachmentID reads a string or a number; null and 0 are none, as in JavaScript.
func (p *parser) attachmentID() string {
	if p.null() {
		return ""
	}
	if p.err == nil && p.r.kind() == kindNumber {
		if n := p.integer("attachmentId", 0, math.MaxInt64); n != 0 {
			return number{i: n, integer: true}.text()
		}
		return ""
	}
	return p.str("attachmentId")
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
			env.RequestID = p.str("data.requestId")
		case message.Rooms:
			env.Rooms = p.names("data.rooms")
		case message.Close:
			env.Close = p.boolean("data.close")
		case message.ClientCount:
			env.ClientCount = int(p.integer("data.clientCount", 0, message.MaxCount))
		case message.Sockets:
			p.sockets(env)
		default:
			p.skip()
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
			// 2 is EVENT. 5, BINARY_EVENT, is what old parsers make of it when it holds bytes.
			if t := p.integer("data.packet.type", 0, math.MaxInt32); t != packetType && t != 5 {
				p.fail("data.packet.type", fmt.Errorf("%d is no event", t))
			}
		case "data":
			seen = true
			env.Args = p.args("data.packet.data")
		default:
			p.skip()
		}
	}
	if !seen {
		p.fail("data.packet.data", message.ErrMissing)
	}
}

func (p *parser) opts(o *codec.Opts) {
	*o = codec.Opts{}
	p.openMap("data.opts")
	for p.key() {
		switch string(p.k) {
		case "rooms":
			o.Rooms = p.names("data.opts.rooms")
		case "except":
			o.Except = p.names("data.opts.except")
		case "flags":
			p.flags(&o.Flags)
		default:
			p.skip()
		}
	}
}

func (p *parser) flags(f *codec.Flags) {
	*f = codec.Flags{}
	if p.null() {
		return
	}
	p.openMap("data.opts.flags")
	for p.key() {
		switch string(p.k) {
		case "volatile":
			f.Volatile = p.boolean("data.opts.flags.volatile")
		case "compress":
			f.Compress = nil
			if !p.null() {
				b := p.boolean("data.opts.flags.compress")
				f.Compress = &b
			}
		case "timeout":
			f.Timeout = 0
			if !p.null() && p.err == nil {
				n, err := p.r.num()
				p.fail("data.opts.flags.timeout", err)
				f.Timeout = message.Timeout(n.float())
			}
		case "expectSingleResponse":
			f.ExpectSingleResponse = p.boolean("data.opts.flags.expectSingleResponse")
		default:
			p.skip()
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
		var s codec.Socket
		named := false
		p.openMap("data.sockets")
		for p.key() {
			switch string(p.k) {
			case "id":
				s.ID = p.name("data.sockets.id")
				named = true
			case "handshake":
				s.Handshake = p.socketValue("data.sockets.handshake")
			case "rooms":
				s.Rooms = p.names("data.sockets.rooms")
			case "data":
				s.Data = p.socketValue("data.sockets.data")
			default:
				p.skip()
			}
		}
		if !named {
			p.fail("data.sockets.id", message.ErrMissing)
		}
		env.Sockets = append(env.Sockets, s)
	}
}
