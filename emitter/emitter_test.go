package emitter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestRoomsAndExceptSelectSockets(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a := w.audience(t)
		none, one, two, both := a.join(), a.join("r1"), a.join("r2"), a.join("r1", "r2")
		ctx, e := within(t), a.emitter
		require.NoError(t, e.Emit(ctx, "all", 1))
		require.NoError(t, e.To("r1").Emit(ctx, "r1"))
		require.NoError(t, e.To("r1", "r2").Emit(ctx, "several"))
		require.NoError(t, e.To("r1").In("r2").To("r1").Except("r2").Emit(ctx, "not r2"))
		require.NoError(t, e.Except("r1", "r2").Emit(ctx, "neither"))
		require.NoError(t, e.To(one.ID()).Emit(ctx, "only one"))
		require.NoError(t, e.To("nobody").Emit(ctx, "nobody"))
		none.expect(`["all",1]`, `["neither"]`)
		one.expect(`["all",1]`, `["r1"]`, `["several"]`, `["not r2"]`, `["only one"]`)
		two.expect(`["all",1]`, `["several"]`)
		both.expect(`["all",1]`, `["r1"]`, `["several"]`)
		a.fence(none, one, two, both)
	})
}

func TestOfSelectsTheNamespace(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		cluster := w.cluster(t)
		main, admin := w.namespace(t, cluster, "/"), w.namespace(t, cluster, "/admin")
		m, r, o := main.join(), admin.join("r"), admin.join()
		ctx, e := within(t), main.emitter
		require.NoError(t, e.Of("/admin").Emit(ctx, "a"))
		require.NoError(t, e.To("r").Of("admin").Emit(ctx, "slash added, room kept"))
		require.NoError(t, e.Of("/admin").Of("").Emit(ctx, "main"))
		m.expect(`["main"]`)
		r.expect(`["a"]`, `["slash added, room kept"]`)
		o.expect(`["a"]`)
		main.fence(m)
		admin.fence(r, o)

		there, err := emitter.New(emitter.Config{Bus: w.bus, Store: w.store, Namespace: "admin"})
		require.NoError(t, err)
		require.NoError(t, there.To("r").Emit(ctx, "from Config.Namespace"))
		r.expect(`["from Config.Namespace"]`)
	})
}

func TestJoinLeaveDisconnect(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a := w.audience(t)
		one, two := a.join("r1"), a.join("r2")
		ctx, e := within(t), a.emitter
		require.NoError(t, e.SocketsJoin(ctx, "everyone", "x"))
		require.NoError(t, e.In("r1").SocketsJoin(ctx, "only one"))
		require.NoError(t, e.To("only one").Emit(ctx, "1"))
		require.NoError(t, e.In(two.ID()).SocketsLeave(ctx, "everyone"))
		require.NoError(t, e.To("everyone").Emit(ctx, "2"))
		require.NoError(t, e.SocketsLeave(ctx, "x"))
		require.NoError(t, e.To("x").Emit(ctx, "nobody is in x"))
		one.expect(`["1"]`, `["2"]`)
		a.fence(one, two)
		require.NoError(t, e.In(two.ID()).DisconnectSockets(ctx, false))
		two.expect("disconnected, close: false")
		require.NoError(t, e.Except("r2").DisconnectSockets(ctx, true))
		one.expect("disconnected, close: true")
	})
}

func TestServerSideEmit(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		require.NoError(t, a.emitter.ServerSideEmit(within(t), "rehash", 1, "x"))
		require.Equal(t, `["rehash",1,"x"]`, <-a.server)
		a.fence(c)
	})
}

func TestArgumentsArriveUnchanged(t *testing.T) {
	large := strings.Repeat("ä€😀", 3000)
	each(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		ctx := within(t)
		require.NoError(t, a.emitter.Volatile().Compress(false).Emit(ctx, "text", "ünï\x00\"\\", nil, 1.5,
			map[string]int{"a": 1}))
		require.NoError(t, a.emitter.Emit(ctx, "binary", []byte{0, 0xff}, "beside"))
		require.NoError(t, a.emitter.Emit(ctx, "large", large))
		require.NoError(t, a.emitter.Emit(ctx, "after"))
		c.expect(`["text","ünï\u0000\"\\",null,1.5,{"a":1}]`, `["binary","AP8=","beside"]`, `["large","`+large+`"]`,
			`["after"]`)
		a.fence(c)
	})
}

func TestSequentialCallsKeepTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		var want []string
		for i := range 60 {
			pad := strings.Repeat("x", (i%3)*5000) // every third is an attachment if the bus has a limit
			require.NoError(t, a.emitter.Emit(within(t), "n", i, pad))
			want = append(want, fmt.Sprintf(`["n",%d,"%s"]`, i, pad))
		}
		c.expect(want...)
		a.fence(c)
	})
}

func TestTargetsAreImmutable(t *testing.T) {
	rec := new(recorder)
	e, err := emitter.New(emitter.Config{Bus: rec})
	require.NoError(t, err)
	base := e.To("a")
	_, _ = base.To("b").Volatile(), base.To("c").Except("x").Compress(true)
	_ = base.Of("/other")
	require.NoError(t, base.To("d").Emit(within(t), "e"))
	require.NoError(t, base.Emit(within(t), "e"))
	require.Equal(t, []string{
		`socket.io#/ {"uid":"emitter","type":3,"nsp":"/","source":"_sio_adapter",` +
			`"data":{"packet":{"type":2,"data":["e"]},"opts":{"rooms":["a","d"],"except":[],"flags":{}}}}`,
		`socket.io#/ {"uid":"emitter","type":3,"nsp":"/","source":"_sio_adapter",` +
			`"data":{"packet":{"type":2,"data":["e"]},"opts":{"rooms":["a"],"except":[],"flags":{}}}}`,
	}, rec.sent())
}

func TestPrefixAndThreshold(t *testing.T) {
	rec := &recorder{limits: postgresLimits}
	e, err := emitter.New(emitter.Config{Bus: rec, Store: rec, ChannelPrefix: `a"b`, PayloadThreshold: 300})
	require.NoError(t, err)
	require.NoError(t, e.Of("/x").Emit(within(t), "small"))
	require.NoError(t, e.Of("/x").Emit(within(t), "large", strings.Repeat("x", 300)))
	sent := rec.sent()
	require.Regexp(t, `^a"b#/x .*"small"`, sent[0])
	require.Regexp(t, `^a"b#/x {"uid":"emitter","type":3,"nsp":"/x","source":"_sio_adapter",`+
		`"attachmentKey":"[0-9a-f]{16}","attachmentId":"1"}$`, sent[1])
}

func TestAcknowledgementsAreRefused(t *testing.T) {
	rec := new(recorder)
	e, err := emitter.New(emitter.Config{Bus: rec})
	require.NoError(t, err)
	_, err = e.To("r").EmitWithAck(within(t), "e")
	require.ErrorIs(t, err, emitter.ErrNoAnswers)
	_, err = e.ServerSideEmitWithAck(within(t), "e")
	require.ErrorIs(t, err, emitter.ErrNoAnswers)
	require.ErrorIs(t, e.ServerSideEmit(within(t), "e", 1, func(error, []any) {}), emitter.ErrNoAnswers)
	require.Empty(t, rec.sent())
}

func TestInvalidInputSendsNothing(t *testing.T) {
	rec := &recorder{limits: postgresLimits}
	e, err := emitter.New(emitter.Config{Bus: struct{ emitter.Publisher }{rec}}) // no store
	require.NoError(t, err)
	ctx := within(t)
	var name *emitter.NameError
	var reserved *emitter.ReservedEventError
	var encode *codec.EncodeError
	var large *emitter.TooLargeError
	require.ErrorAs(t, e.Of("/"+strings.Repeat("x", 53)).Emit(ctx, "e"), &name)
	require.ErrorAs(t, e.Of("/\x00").Emit(ctx, "e"), &name)
	require.ErrorAs(t, e.Of("/\xff").SocketsJoin(ctx, "r"), &name)
	require.NoError(t, e.Of("/"+strings.Repeat("x", 52)).Emit(ctx, "e"), "63 bytes of channel are allowed")
	for _, event := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener",
		"removeListener"} {
		require.ErrorAs(t, e.Emit(ctx, event), &reserved)
		require.ErrorAs(t, e.ServerSideEmit(ctx, event), &reserved)
	}
	require.ErrorAs(t, e.Emit(ctx, "e", make(chan int)), &encode)
	require.ErrorAs(t, e.Emit(ctx, "e", strings.Repeat("x", 8000)), &large)
	require.ErrorIs(t, e.Emit(ctx, "e", []byte("x")), codec.ErrBinary)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, e.Emit(cancelled, "e"), context.Canceled)
	require.Len(t, rec.sent(), 1)
}

func TestInvalidConfigIsAnError(t *testing.T) {
	limited := memory.NewHubWithConfig(memory.Config{Limits: postgresLimits})
	var bad *emitter.ConfigError
	var name *emitter.NameError
	for _, config := range []emitter.Config{{}, {Bus: limited, PayloadThreshold: -1},
		{Bus: limited, PublishTimeout: -1}} {
		_, err := emitter.New(config)
		require.ErrorAs(t, err, &bad)
	}
	for _, config := range []emitter.Config{
		{Bus: limited, ChannelPrefix: strings.Repeat("x", 62)}, {Bus: limited, ChannelPrefix: "\x00"},
		{Bus: limited, Namespace: strings.Repeat("x", 60)},
	} {
		_, err := emitter.New(config)
		require.ErrorAs(t, err, &name)
	}
	require.ErrorAs(t, emitter.Target{}.Emit(within(t), "e"), &bad)
	e, err := emitter.New(emitter.Config{Bus: limited})
	require.NoError(t, err)
	require.ErrorAs(t, e.With(nil).Emit(within(t), "e"), &bad)
}

func TestBusAndStoreErrorsAreReturned(t *testing.T) {
	rec := &recorder{limits: postgresLimits}
	e, err := emitter.New(emitter.Config{Bus: rec, Store: rec})
	require.NoError(t, err)
	down := errors.New("down")
	var op *emitter.OpError
	rec.fail(down, nil)
	require.ErrorIs(t, e.Emit(within(t), "e"), down)
	rec.fail(nil, down)
	err = e.Emit(within(t), "e", []byte("x"))
	require.ErrorIs(t, err, down)
	require.ErrorAs(t, err, &op)
	require.Equal(t, "socket.io#/", op.Channel)
	rec.fail(&transport.RejectedError{Err: down}, nil)
	require.ErrorIs(t, e.Emit(within(t), "e"), down)
	require.Empty(t, rec.sent())
}
