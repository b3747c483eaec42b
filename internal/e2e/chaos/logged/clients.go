package logged

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
)

// clientsConfig is the configuration of clients.js.
type clientsConfig struct {
	URL     string  `json:"url"`
	Clients int     `json:"clients"`
	Rooms   int     `json:"rooms"`
	Rate    float64 `json:"rate"` // events per second of each client
}

// startClients starts the process of the clients.
func (r *run) startClients() error {
	config, err := json.Marshal(clientsConfig{URL: "http://" + r.balancer.address(), Clients: r.options.Clients,
		Rooms: r.options.Rooms, Rate: float64(r.options.Rate) / 2 / float64(r.options.Clients)})
	if err != nil {
		return err
	}
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.Command("node", filepath.Join(filepath.Dir(here), "clients.js"), string(config))
	cmd.Env = append(os.Environ(), "NODE_PATH="+r.options.Modules)
	r.clients, err = worker.Start(cmd, []string{Ready, Stopped, Terminated}, func(line []byte) string {
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			e = Event{Kind: Remarked, At: now(), Text: fmt.Sprintf("unreadable line: %v: %s", err, line)}
		}
		r.mu.Lock()
		r.history.noteClient(e)
		r.event("clients", line)
		r.mu.Unlock()
		switch e.Kind {
		case Complete:
			select {
			case r.reported <- struct{}{}:
			default:
			}
		case Remarked:
			r.log("    client %d: %.300s", e.Client, e.Text)
		case Late, Doubled, Backwards, Disagreed:
			r.remark("    client %d: %s %s.%d after %v at %s: %.100s", e.Client, e.Kind, e.Stream, e.Seq, e.Numbers,
				e.Offset, e.Text)
		case Connected:
			if !e.Recovered && e.Offset != "" {
				r.log("    client %d: connected, not recovered", e.Client)
			}
		}
		return e.Kind
	})
	if err != nil {
		return err
	}
	return r.clients.Await(Ready, patience)
}
