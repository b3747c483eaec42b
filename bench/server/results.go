package main

import (
	"encoding/json"
	"os"
	"slices"
	"time"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// resultFile is bench/results/server.json.
type resultFile = figures.Results[row]

// write writes the results and the chart made from them. Rows of cases that were not run stay as they were.
func (s *settings) write(all map[string]outcomes) error {
	settings := map[string]any{"rounds": s.Rounds, "quick": s.Quick, "server_core": s.serverCore,
		"load_core": s.loadCore, "repeated": s.repeated}
	file := figures.NewResults[row](settings, "socket.io", "engine.io", "ws", "bufferutil")
	var before resultFile
	if text, err := os.ReadFile(s.Out); err == nil {
		_ = json.Unmarshal(text, &before) // a file of another kind is replaced
	}
	for _, c := range cases {
		fresh := c.rows(all[c.Name])
		for _, f := range c.Figures {
			for _, p := range c.pairs() {
				is := func(r row) bool { return r.Name == f.Name+p.Suffix }
				if i := slices.IndexFunc(fresh, is); i >= 0 {
					fresh[i].Time = time.Now().UTC().Format(time.RFC3339)
					file.Cases = append(file.Cases, fresh[i])
				} else if i := slices.IndexFunc(before.Cases, is); i >= 0 {
					file.Cases = append(file.Cases, before.Cases[i])
				}
			}
		}
	}
	return file.Write(s.Options, chart(file), table(file))
}
