package clients_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// protocolCase is a transcript that every server of Engine.IO 4 and Socket.IO 5, or 3 and 4, must match.
type protocolCase struct {
	name   string
	config config
	steps  string
	run    func(f *fixture) // replaces steps where the order of events is open
}

// quick is a configuration with a short ping interval and timeout.
var quick = config{pingInterval: 300 * time.Millisecond, pingTimeout: time.Second}

// TestProtocol plays the transcripts, which follow the specifications of the protocols, on Socket.IO's server and on
// ours.
func TestProtocol(t *testing.T) {
	var all []scenario
	for _, c := range slices.Concat(engineCases, engineUpgradeCases, packetCases) {
		run := c.run
		if run == nil {
			run = func(f *fixture) { f.plays(c.steps) }
		}
		all = append(all, scenario{name: c.name, config: c.config, run: run})
	}
	for _, c := range protocol3Cases {
		c.config.allowEIO3 = true
		all = append(all, scenario{name: "Version3/" + c.name, config: c.config,
			run: func(f *fixture) { f.playsWith("3", c.steps) }})
	}
	runRaw(t, all, func(f *fixture, run func(*fixture)) { run(f) })
}

func TestTranscriptsSeeDifferences(t *testing.T) {
	for _, c := range []struct {
		pattern, got string
		want         bool
	}{
		{`40{"sid":"$sid"}`, `40{"sid":"a-b_1"}`, true},
		{`40{"sid":"$sid"}`, `40{"sid":"a-b_1","pid":"x"}`, false},
		{`40{"sid":"$sid"}`, `40{"sid":""}`, false},
		{`40{"sid":"$known"}`, `40{"sid":"known"}`, true},
		{`40{"sid":"$known"}`, `40{"sid":"other"}`, false},
		{`0{"a":1,*`, `0{"a":1,"b":2}`, true},
		{`0{"a":1,*`, `0{"a":2,"b":2}`, false},
		{`4a^4b`, "4a\x1e4b", true},
		{`4a^4b`, "4a4b", false},
		{`200 ok`, `200 ok `, false},
		{`43[]`, `43[null]`, false},
	} {
		names := map[string]string{"$known": "known"}
		assert.Equal(t, c.want, match(c.pattern, c.got, names), "%s, %s", c.pattern, c.got)
		if c.want && strings.Contains(c.pattern, "$sid") {
			assert.Equal(t, "a-b_1", names["$sid"])
		}
	}
}
