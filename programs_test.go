package backplane_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// patience is how long a test of a program waits for something that must happen.
const patience = 2 * time.Minute

// newModule makes an empty module that uses this checkout, as "go mod init" and "go get" do with a released version. It
// needs nothing but the modules that this one depends on.
func newModule(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	root, err := filepath.Abs(".")
	require.NoError(t, err)
	command(t, dir, "go", "mod", "init", "example.com/chat")
	command(t, dir, "go", "mod", "edit", "-go=1.25.0", "-require="+module+"@v0.0.0", "-replace="+module+"="+root)
	write(t, filepath.Join(dir, "go.sum"), read(t, "go.sum"))
	return dir
}

// command runs a command to its end.
func command(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", strings.Join(args, " "), out)
}

func write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
}

// program returns the only whole program of a page.
func program(t *testing.T, page string) string {
	t.Helper()
	var found []string
	for _, text := range blocksIn(read(t, page), "go") {
		if strings.HasPrefix(text, "package ") {
			found = append(found, text)
		}
	}
	require.Len(t, found, 1, "%s has one whole program", page)
	return found[0]
}

// Every Go block that is no part of a compiled file compiles as it is printed.
func TestProgramsInTheDocumentsCompile(t *testing.T) {
	dir, n := newModule(t), 0
	for name, page := range documents(t) {
		for _, b := range blocks(page) {
			if b.language == "go" && !strings.HasPrefix(b.marker, "from ") {
				n++
				write(t, filepath.Join(dir, fmt.Sprintf("program%d", n), "main.go"), "// "+name+"\n\n"+b.text)
			}
		}
	}
	require.GreaterOrEqual(t, n, 2)
	command(t, dir, "go", "vet", "./...")
}

// The quick start of README.md: an empty module, the program as printed, two nodes, and clients on both.
func TestREADMEQuickStart(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sends SIGTERM")
	}
	source := program(t, "README.md")
	for _, address := range []string{`"localhost:3000"`, `"localhost:3001"`} { // may be in use
		require.Contains(t, source, address)
		source = strings.ReplaceAll(source, address, `"localhost:0"`)
	}
	dir := newModule(t)
	write(t, filepath.Join(dir, "main.go"), source)
	command(t, dir, "go", "build", "-o", "chat", ".")

	p := start(t, dir, nil, "./chat")
	talk(t, p.next("listening on "), p.next("listening on "), "say", []any{"lobby", "hello"}, "said", []any{"hello"})
	p.stop()
}

// The tutorial: its page, and two processes on one PostgreSQL.
func TestTutorial(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sends SIGTERM")
	}
	database := pgtest.Database(t)
	dir := newModule(t)
	write(t, filepath.Join(dir, "main.go"), program(t, "docs/tutorial/chat.md"))
	pages := blocksIn(read(t, "docs/tutorial/chat.md"), "html")
	require.Len(t, pages, 1)
	write(t, filepath.Join(dir, "page.html"), pages[0])
	command(t, dir, "go", "build", "-o", "chat", ".")

	var nodes []*process
	var urls []string
	for range 2 {
		p := start(t, dir, []string{"DATABASE_URL=" + database}, "./chat", "-addr", freeAddress(t))
		nodes, urls = append(nodes, p), append(urls, p.next("open "))
	}
	for _, url := range urls {
		require.Eventually(t, func() bool { return strings.Contains(body(t, url+"/"), "<title>Chat</title>") },
			patience, 10*time.Millisecond, "the page of %s", url)
	}
	message := []any{map[string]any{"room": "lobby", "text": "hello"}}
	talk(t, urls[0], urls[1], "message", message, "message", message)
	for _, p := range nodes {
		p.stop()
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// process is a running program and the lines that it logs.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

func start(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(args[0], args[1:]...), lines: make(chan string, 100)}
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	r, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// next returns what the program logs after a prefix next.
func (p *process) next(prefix string) string {
	p.t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case line, open := <-p.lines:
			require.True(p.t, open, "the program ended without a line with %q", prefix)
			if _, rest, found := strings.Cut(line, prefix); found {
				return rest
			}
		case <-deadline:
			require.FailNow(p.t, "no line with "+prefix)
		}
	}
}

// stop ends the program with SIGTERM. It has to succeed, and to log nothing about it.
func (p *process) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	for line := range p.lines {
		assert.Fail(p.t, "logged while it stopped", line)
	}
	require.NoError(p.t, p.cmd.Wait(), "the program stops gracefully")
}

// body returns the body of a page, empty if it cannot be loaded before the test ends.
func body(t *testing.T, url string) string {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return ""
	}
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	all, _ := io.ReadAll(r.Body)
	return string(all)
}

// poller is a Socket.IO client over HTTP long-polling.
type poller struct {
	t    *testing.T
	url  string
	came chan string // packets
}

// connect joins the main namespace, and from then on receives.
func connect(t *testing.T, url string) *poller {
	t.Helper()
	p := &poller{t: t, url: url + "/socket.io/?EIO=4&transport=polling", came: make(chan string, 100)}
	var open struct{ SID string }
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(body(t, p.url), "0")), &open))
	p.url += "&sid=" + open.SID
	p.send("40")
	var polling sync.WaitGroup
	polling.Go(func() {
		for {
			packets := body(t, p.url)
			if packets == "" || packets == "1" || strings.HasPrefix(packets, "{") {
				return // the session has ended
			}
			for _, packet := range strings.Split(packets, "\x1e") {
				switch {
				case packet == "2":
					p.post("3")
				case packet != "6":
					p.came <- packet
				}
			}
		}
	})
	t.Cleanup(polling.Wait)
	require.True(t, strings.HasPrefix(<-p.came, "40"), "connected")
	return p
}

func (p *poller) post(packet string) (status int) {
	r, err := http.Post(p.url, "text/plain", strings.NewReader(packet))
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

func (p *poller) send(packet string) {
	p.t.Helper()
	require.Equal(p.t, http.StatusOK, p.post(packet), packet)
}

func (p *poller) emit(event string, args ...any) {
	p.t.Helper()
	var b bytes.Buffer
	require.NoError(p.t, json.NewEncoder(&b).Encode(append([]any{event}, args...)))
	p.send("42" + strings.TrimSpace(b.String()))
}

// talk connects a client to each of two servers. Both join a room, and one sends an event to it, until the other has
// received the event that it leads to: the servers may need a moment to listen to each other.
func talk(t *testing.T, a, b, event string, args []any, result string, want []any) {
	t.Helper()
	one, two := connect(t, a), connect(t, b)
	one.emit("join", "lobby")
	two.emit("join", "lobby")
	wanted, err := json.Marshal(append([]any{result}, want...))
	require.NoError(t, err)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); ; {
		one.emit(event, args...)
		select {
		case packet := <-two.came:
			require.JSONEq(t, string(wanted), strings.TrimPrefix(packet, "42"))
			return
		case <-again.C:
		case <-deadline:
			require.FailNow(t, "the client of "+b+" received nothing")
		}
	}
}
