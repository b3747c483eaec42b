package clients_test

import "github.com/stretchr/testify/require"

// olderScenarios are about older versions of the client. 3 and 4 have the same protocol. 2 has another one, in which
// a client of "/" has no auth payload, and is told either the data or the message of an error.
var olderScenarios = func() []scenario {
	var all []scenario
	for _, version := range []string{"4.5", "4.0", "3", "2"} {
		is2 := version == "2"
		all = append(all, scenario{name: "Version" + version, config: config{allowEIO3: is2},
			over: everyTransport, run: func(f *fixture) {
				c := f.open(clientSpec{Version: version, Auth: map[string]any{"rooms": []string{"den"}, "x": "ü"}})
				c.connected()
				if auth := f.accepted(c).Auth.V; is2 {
					same(f.T, map[string]any{}, auth)
					f.must(op{Call: "join", Rooms: []string{"den"}}.of(c.id))
				} else {
					same(f.T, map[string]any{"rooms": []any{"den"}, "x": "ü"}, auth)
				}
				if len(f.transports) == 2 {
					c.upgraded()
				}
				for _, args := range binaryArgs {
					c.emit("up", args...)
					f.heard(c, "up", args...)
					f.must(emit("down", args...).to("den"))
					c.expect("down", args...)
					same(f.T, []any{args}, c.ask("echo", args))
					f.heard(c, "echo", args)
				}
				require.Equal(f, c.name, f.must(ask("question", "x").of(c.id).timeout(patientOp)).values()[0])
				c.expect("question", "x")
				custom := f.open(clientSpec{Version: version, On: c, NSP: "/custom"})
				custom.connected()
				f.must(emit("hello").in("/custom"))
				custom.expect("hello")
				require.Equal(f, "Invalid namespace", f.open(clientSpec{Version: version, On: c,
					NSP: "/unknown"}).refused().Message)
				if is2 {
					query := map[string]any{"payload": `{"refuse":"no","details":"why"}`}
					e := f.open(clientSpec{Version: version, Options: options{"query": query}}).refused()
					require.Equal(f, "why", e.Message)
				} else {
					e := f.open(clientSpec{Version: version,
						Auth: map[string]any{"refuse": "no", "details": map[string]any{"code": 1}}}).refused()
					require.Equal(f, "no", e.Message)
					same(f.T, map[string]any{"code": 1}, e.Data.V)
				}
				f.must(op{Call: "disconnect"}.of(custom.id).in("/custom"))
				require.Equal(f, "io server disconnect", custom.disconnected())
				c.do("disconnect", map[string]any{})
				require.Equal(f, "io client disconnect", c.disconnected())
				require.Equal(f, "client namespace disconnect", f.gone(c))
			}})
	}
	return append(all, scenario{name: "Version2IsRefused", over: [][]string{websocketOnly, pollingOnly},
		run: func(f *fixture) {
			healthy := f.connect(clientSpec{})
			old := f.open(clientSpec{Version: "2"})
			require.Contains(f, []string{"websocket error", "xhr poll error"}, old.refused().Message)
			healthy.ask("nothing")
		}})
}()
