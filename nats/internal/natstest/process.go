package natstest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/backplane-go/backplane/internal/child"
	"github.com/backplane-go/backplane/internal/freeport"
)

// Process is a server with JetStream in a process of its own, so that it can be killed. It is built without the race
// detector, which makes servers many times slower.
type Process struct {
	name    string // in a cluster
	port    int
	folder  string
	process *child.Process
	log     *bytes.Buffer
}

// build builds natsd once for all tests of this process. The folder is removed by Built.
var build = sync.OnceValues(func() (binary string, err error) {
	folder, err := os.MkdirTemp("", "natsd")
	if err != nil {
		return "", err
	}
	binary = filepath.Join(folder, "natsd")
	cmd := exec.Command("go", "build", "-race=false", "-o", binary,
		"github.com/backplane-go/backplane/nats/internal/natstest/natsd")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("natstest: %w\n%s", err, out)
	}
	return binary, nil
})

// Start starts a server with JetStream in a process of its own. settings are lines of a configuration file.
func Start(tb testing.TB, settings ...string) *Process {
	tb.Helper()
	p := &Process{port: port(tb), folder: tb.TempDir()}
	p.configure(tb, settings)
	p.Up(tb)
	tb.Cleanup(func() { p.Kill(tb) })
	return p
}

func port(tb testing.TB) int {
	tb.Helper()
	n, err := freeport.Get()
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// configure writes the configuration file. It takes effect with Up.
func (p *Process) configure(tb testing.TB, settings []string) {
	tb.Helper()
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q }\n%s\n", p.Address(), p.Data(),
		strings.Join(settings, "\n"))
	if err := os.WriteFile(p.config(), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// Data returns the folder with what the server keeps.
func (p *Process) Data() string { return filepath.Join(p.folder, "data") }

func (p *Process) config() string { return filepath.Join(p.folder, "nats.conf") }

// Name returns the name of a server of StartCluster.
func (p *Process) Name() string { return p.name }

// Address returns the host and port for clients.
func (p *Process) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// URL returns the URL for clients.
func (p *Process) URL() string { return "nats://" + p.Address() }

// Up starts the server, again after Down or Kill, with its data, and waits until it accepts clients.
func (p *Process) Up(tb testing.TB) {
	tb.Helper()
	binary, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(binary, p.config())
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	child.EndWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	p.log = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if p.process, err = child.Start(cmd); err != nil {
		tb.Fatal(err)
	}
	Until(tb, "the server to accept clients", func() bool {
		select {
		case <-p.process.Done():
			tb.Fatalf("natstest: the server has ended: %v\n%s", p.process.Err(), p.log)
		default:
		}
		c, err := net.Dial("tcp", p.Address())
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

// Kill ends the server with SIGKILL, as a crash does, and waits until it has ended.
func (p *Process) Kill(tb testing.TB) {
	tb.Helper()
	if err := p.process.End(patience); err != nil {
		tb.Error(err)
	}
}

// Down ends the server and waits until it has ended.
func (p *Process) Down(tb testing.TB) {
	tb.Helper()
	if err := p.process.End(patience, syscall.SIGTERM); err != nil {
		tb.Error(err)
	}
}

// StartCluster starts three servers with JetStream that are a NATS cluster.
func StartCluster(tb testing.TB, settings ...string) (all [3]*Process) {
	tb.Helper()
	var routes []string
	ports := [3]int{port(tb), port(tb), port(tb)}
	for _, n := range ports {
		routes = append(routes, fmt.Sprintf("%q", fmt.Sprint("nats://127.0.0.1:", n)))
	}
	for i := range all {
		name := fmt.Sprint("server", i)
		all[i] = Start(tb, append(settings, fmt.Sprintf("server_name: %s\ncluster { name: test, listen: "+
			"\"127.0.0.1:%d\", routes: [%s] }", name, ports[i], strings.Join(routes, ", ")))...)
		all[i].name = name
	}
	return all
}
