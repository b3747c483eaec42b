package main

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// resultFile is bench/results/server.json.
type resultFile struct {
	Machine  map[string]any    `json:"machine"`
	Versions map[string]string `json:"versions"`
	Settings map[string]any    `json:"settings"`
	Cases    []row             `json:"cases"`
}

// write writes the results and the chart made from them. Rows of cases that were not run stay as they were.
func (s *settings) write(all map[string]outcomes) error {
	file := resultFile{
		Machine:  figures.Machine(),
		Versions: map[string]string{"go": runtime.Version(), "node": figures.NodeVersion()},
		Settings: map[string]any{"rounds": s.rounds, "quick": s.quick, "server_core": s.serverCore, "load_core": s.loadCore, "repeated": s.repeated},
	}
	for _, name := range []string{"socket.io", "engine.io", "ws", "bufferutil"} {
		file.Versions[name] = figures.PackageVersion(name)
	}
	var before resultFile
	if text, err := os.ReadFile(s.out); err == nil {
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
	return figures.Files{Results: file, Chart: chart(file), Table: table(file)}.Write(s.out, s.docs)
}
