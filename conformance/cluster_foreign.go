package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/storage"
)

var clusterForeignChecks = []check[*clusterCase]{
	{"OwnAttachmentsAreNotFetched", "A node does not fetch what it has put into the store itself, nor an answer that is for another: with ten " +
		"nodes that would be ten times the reading.", ownAttachmentsAreNotFetched},
	{"MissingAttachmentIsSkipped", "A message whose attachment is missing is skipped, counted and reported, and the next one arrives.",
		missingAttachmentIsSkipped},
	{"ForeignBytesAreSkipped", "Bytes that are no message are skipped, counted and reported, and the next message arrives. Anybody who may " +
		"publish can send them.", foreignBytesAreSkipped},
	{"OddPartsAreSkipped", "One odd value in a message, such as a room that is null, is skipped and counted, and the rest is used; but what is skipped never " +
		"selects more sockets. Node.js's to(undefined) says null.", oddPartsAreSkipped},
	{"UnknownTypesAreSkipped", "A message of an unknown type is skipped and reported, and is a sign of life: a later version may say more than this " +
		"one knows.", unknownTypesAreSkipped},
	{"MessagesWithoutNamespaceWork", "A message that names no namespace belongs to the one of its channel: Node.js's emitter and adapters up to 0.3 " +
		"name none.", messagesWithoutNamespaceWork},
	{"OtherNamespacesMessageIsSkipped", "A message that names another namespace than its channel's is skipped and reported.",
		otherNamespacesMessageIsSkipped},
}

func ownAttachmentsAreNotFetched(c *clusterCase) {
	c.needStore(c.config())
	small := func(config *core.Config) { config.PayloadThreshold = 1000 }
	a, b, d := c.node("A", small), c.node("B", small), c.node("C", small)
	c.meet(a, b, d)
	large := strings.Repeat("x", 9000)
	cl := b.client("1")
	cl.answers(func(codec.Args) (codec.Value, bool) { return c.value(large), true })
	c.emit(a, a.To("1"), "large", large)
	cl.expect("Emit 9000 bytes on A", fmt.Sprintf(`["large",%q]`, large))
	if acks := c.acks(a, a.To("1"), "EmitWithAck on A, answered with 9000 bytes on B"); len(acks) != 1 || len(acks[0].String()) != len(large)+2 {
		c.fail("EmitWithAck on A, answered with 9000 bytes on B", "the answer", "%d answers", len(acks))
	}
	for range 3 {
		c.emit(b, b.To("nobody"), "large", large)
	}
	for _, t := range []struct {
		n, from *node
		want    uint64
		what    string
	}{
		{a, b, 4, "three events of B and the answer"},
		{d, b, 4, "the event of A and three of B"},
		{b, a, 1, "the event of A"},
	} {
		t.n.client("end of "+t.n.name).expectNothing("Emit 9000 bytes", t.from) // what was sent before has been dealt with
		if got := t.n.cluster.Stats().AttachmentReads; got != t.want {
			c.fail("Emit 9000 bytes once on A and three times on B, answer A with 9000 bytes; Stats().AttachmentReads of "+t.n.name,
				fmt.Sprintf("%d: %s", t.want, t.what), "%d", got)
		}
	}
}

func missingAttachmentIsSkipped(c *clusterCase) {
	c.needStore(c.config())
	a := c.node("A")
	cl := a.client("1")
	p := c.puppet("aaaaaaaaaaaaaaaa").known(a)
	const called = "publish as a peer references to attachments that are not there, and a message"
	ids := []string{"9999999999", "no number", "-1", "99999999999999999999999999", "'; DROP TABLE x; --", "é\x00"}
	for _, id := range ids {
		p.say(codec.Envelope{Type: codec.Broadcast, AttachmentID: id})
	}
	p.say(codec.Envelope{Type: codec.Broadcast, Args: c.args("next")})
	cl.expect(called, `["next"]`)
	a.wantError(called, "a DropError with storage.ErrNotFound", func(err error) bool {
		return isDrop(core.DropAttachment)(err) && errors.Is(err, storage.ErrNotFound)
	})
	if got := a.cluster.Stats().ReceiveDropped; got != uint64(len(ids)) {
		c.fail(called+", Stats().ReceiveDropped", fmt.Sprint(len(ids)), "%d", got)
	}
}

func foreignBytesAreSkipped(c *clusterCase) {
	a := c.node("A")
	cl := a.client("1")
	p := c.puppet("aaaaaaaaaaaaaaaa").known(a)
	garbage := []string{"", " ", "{", "}", "[", "null", "true", "42", `"text"`, "{}", "[]", `{"type":3}`, `{"type":"3","uid":"a"}`,
		`{"type":3.5,"uid":"a"}`, `{"type":99999999999999999999,"uid":"a"}`, `{"uid":"a"}`, `{"type":3,"uid":{},"data":[]}`,
		`{"type":3,"uid":"a","data":{"packet":{"type":2,"data":[]},"opts":{}}}`, `{"type":3,"uid":"a","data":{"opts":null,"packet":"x"}}`,
		`{"type":8,"uid":"a","data":{"sockets":1}}`, `{"type":11,"uid":"a","data":{"requestId":"x","clientCount":-1}}`,
		strings.Repeat("[", 3000), `{"type":3,"uid":"a","data":{"packet":{"type":2,"data":["x",` + strings.Repeat("[", 1000), "not even JSON 🎉"}
	limits := p.config.Bus.Limits()
	if !limits.Text {
		garbage = append(garbage, "\x00", "\xff\xfe", "\x00\xc1\xff", "\xa1")
	}
	const called = "publish as a peer all kinds of garbage, and a message"
	for _, line := range garbage {
		p.shout(line)
	}
	p.say(codec.Envelope{Type: codec.Broadcast, Args: c.args("next")})
	cl.expect(called, `["next"]`)
	a.wantError(called, "a DropError with DropMalformed", isDrop(core.DropMalformed))
	if got := a.cluster.Stats().ReceiveDropped; got != uint64(len(garbage)) {
		c.fail(called+", Stats().ReceiveDropped", fmt.Sprint(len(garbage)), "%d", got)
	}
}

func oddPartsAreSkipped(c *clusterCase) {
	c.needJSON()
	a := c.node("A")
	cl, other := a.client("1", "x"), a.client("2")
	p := c.puppet("aaaaaaaaaaaaaaaa").known(a)
	for _, rooms := range []string{`["x",null]`, `[null]`, `true`} {
		p.shout(fmt.Sprintf(`{"uid":%q,"type":3,"nsp":%q,"data":{"packet":{"type":2,"data":["odd"]},"opts":{"rooms":%s}}}`, p.uid, c.nsp, rooms))
	}
	p.say(codec.Envelope{Type: codec.Broadcast, Args: c.args("next")})
	const called = `publish as a peer broadcasts to ["x",null], [null] and true, and one to everybody`
	cl.expect(called, `["odd"]`)
	cl.expect(called, `["next"]`)
	other.expect(called, `["next"]`)
	if got := a.cluster.Stats().Skipped; got != 3 {
		c.fail(called+", Stats().Skipped", "3", "%d", got)
	}
}

func unknownTypesAreSkipped(c *clusterCase) {
	c.needJSON()
	a := c.node("A")
	cl := a.client("1")
	p := c.puppet("aaaaaaaaaaaaaaaa")
	p.shout(fmt.Sprintf(`{"type":77,"uid":%q,"nsp":%q,"data":{"new":[1,2]}}`, p.uid, c.nsp))
	p.say(codec.Envelope{Type: codec.Broadcast, UID: codec.EmitterUID, Args: c.args("next")})
	const called = "publish as a peer a message of type 77, and as an emitter a broadcast"
	cl.expect(called, `["next"]`)
	a.wantError(called, "a DropError with DropUnknown", isDrop(core.DropUnknown))
	if err := c.call(called, func(ctx context.Context) error { return a.WaitForPeers(ctx, 1) }); err != nil {
		c.fail(called, "that the peer is known", "%v", err)
	}
}

// needJSON skips checks whose messages are written by hand, if the codec reads no JSON.
func (c *clusterCase) needJSON() {
	c.Helper()
	if _, ok := c.config().Codec.(jsonmsgpack.Codec); !ok {
		c.Skip("Config.Codec is not jsonmsgpack.Codec: not proven")
	}
}

func messagesWithoutNamespaceWork(c *clusterCase) {
	c.needJSON()
	a := c.node("A")
	cl := a.client("1", "x")
	p := c.puppet("aaaaaaaaaaaaaaaa")
	p.shout(`{"uid":"emitter","type":3,"data":{"packet":{"type":2,"data":["hi"]},"opts":{"rooms":["x"],"except":[],"flags":{}}}}`)
	cl.expect("publish a BROADCAST without nsp, as Node.js's emitter does", `["hi"]`)
	p.shout(`{"uid":"aaaaaaaaaaaaaaaa","type":4,"data":{"opts":{"rooms":["x"],"except":[]},"rooms":["y"]}}`)
	c.settled(p, a)
	if got := a.registry.SocketRooms("1"); !strings.Contains(quotes(got), `"y"`) {
		c.fail("publish a SOCKETS_JOIN without nsp, as Node.js's adapter 0.3 does", `that socket 1 joins "y"`, "%s", quotes(got))
	}
	if a.config.Store == nil {
		return
	}
	body, err := jsonmsgpack.Codec{}.Append(nil, &codec.Envelope{Type: codec.Broadcast, UID: codec.EmitterUID, Args: c.args("large")}, codec.Binary)
	if err != nil {
		c.Fatalf("conformance: %v", err)
	}
	var id string
	c.must("Put", func(ctx context.Context) (err error) {
		id, err = p.config.Store.Put(ctx, body)
		return err
	})
	p.shout(fmt.Sprintf(`{"uid":"emitter","type":3,"attachmentId":%q}`, id))
	cl.expect("publish a reference without nsp, as Node.js's emitter does", `["large"]`)
}

func otherNamespacesMessageIsSkipped(c *clusterCase) {
	a := c.node("A")
	cl := a.client("1")
	p := c.puppet("aaaaaaaaaaaaaaaa")
	payload, err := p.config.Codec.Append(nil, &codec.Envelope{Type: codec.Broadcast, UID: p.uid, NSP: c.nsp + "/other", Args: c.args("stray")}, codec.Text)
	if err != nil {
		c.Fatalf("conformance: %v", err)
	}
	p.shout(string(payload))
	p.say(codec.Envelope{Type: codec.Broadcast, Args: c.args("next")})
	const called = "publish as a peer a message of another namespace, and one of this"
	cl.expect(called, `["next"]`)
	a.wantError(called, "a DropError with DropForeign", isDrop(core.DropForeign))
}
