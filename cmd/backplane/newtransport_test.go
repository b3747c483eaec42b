package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/examples/transport/tcpbus"
)

// skeleton writes a skeleton and returns its folder.
func skeleton(t *testing.T, args ...string) (dir, stdout string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "my bus") // with a space, as many folders have
	r := run(t, append([]string{"new-transport", "mybus", "--dir", dir}, args...)...)
	require.Zero(t, r.code, r.stderr)
	return dir, r.stdout
}

// goIn runs the go command in a folder, with the address of the broker.
func goIn(t *testing.T, dir, address string, args ...string) (out string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "MYBUS_ADDRESS="+address)
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// hub runs the broker of package tcpbus.
func hub(t *testing.T) (address string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		new(tcpbus.Hub).Serve(ln)
	}()
	t.Cleanup(func() {
		require.NoError(t, ln.Close())
		<-done
	})
	return ln.Addr().String()
}

// steps are the steps in the skeleton: the failure of each, and the code from tcpbus that completes it.
var steps = []struct{ says, old, new string }{
	{"mybus: hello is not written yet: see step 2 in bus.go", `return notWritten("hello", 2)`, "return nil"},
	{"mybus: subscribe is not written yet: see step 3 in bus.go", `return 0, notWritten("subscribe", 3)`,
		"return ask(c, listen, channels)"},
	{"mybus: read is not written yet: see step 4 in bus.go", `return notWritten("read", 4)`, `
		p, err := readPacket(c.In)
		switch {
		case err != nil:
			return err
		case p.kind == done:
			s.Confirm()
		default:
			s.Deliver(transport.Message{Channel: string(p.items[0]), Payload: p.items[1]})
		}`},
	{"mybus: Publish is not written yet: see step 5 in bus.go", `return notWritten("Publish", 5)`, `
		request := packet{kind: publish}
		for _, m := range msgs {
			request.items = append(request.items, []byte(m.Channel), m.Payload)
		}
		if _, err := c.Write(request.bytes()); err != nil {
			return err
		}
		_, err := readPacket(c.In)
		return err`},
	{"mybus: unsubscribe is not written yet: see step 6 in bus.go", `return 0, notWritten("unsubscribe", 6)`,
		"return ask(c, unlisten, channels)"},
}

const ask = `package mybus

import "github.com/backplane-go/backplane/transport/broker"

func ask(c *broker.Conn, kind byte, channels []string) (confirmations int, err error) {
	request := packet{kind: kind}
	for _, channel := range channels {
		request.items = append(request.items, []byte(channel))
	}
	_, err = c.Write(request.bytes())
	return 1, err
}
`

func TestTheSkeletonLeadsToATransportThatPasses(t *testing.T) {
	t.Parallel()
	dir, stdout := skeleton(t)
	require.Contains(t, stdout, "see the replace line in its go.mod")
	require.Contains(t, stdout, "&& go test -failfast")
	for _, args := range [][]string{{"build", "./..."}, {"vet", "./..."}} {
		out, err := goIn(t, dir, "", args...)
		require.NoError(t, err, out)
	}
	formatted, err := exec.Command("gofmt", "-l", dir).CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(formatted))

	out, err := goIn(t, dir, "", "test", "-failfast")
	require.Error(t, err)
	require.Contains(t, out, "step 1: start a server and set its address: MYBUS_ADDRESS=")

	address := hub(t)
	protocol, err := os.ReadFile("../../examples/transport/tcpbus/packet.go")
	require.NoError(t, err)
	adapted := strings.NewReplacer("package tcpbus", "package mybus", "func read(",
		"func readPacket(").Replace(string(protocol))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "packet.go"), []byte(adapted), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ask.go"), []byte(ask), 0o600))
	name := filepath.Join(dir, "bus.go")
	for _, step := range steps {
		out, err := goIn(t, dir, address, "test", "-failfast")
		require.Error(t, err)
		require.Contains(t, out, "called: ")
		require.Contains(t, out, step.says)
		bus, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(bus), step.old))
		require.NoError(t, os.WriteFile(name, []byte(strings.Replace(string(bus), step.old, step.new, 1)), 0o600))
	}
	out, err = goIn(t, dir, address, "test", "-v", "-run", "TestConformance")
	require.NoError(t, err, out)
	require.Contains(t, out, "backplane conformance: Bus ")
	require.NotContains(t, out, "Harness.", "the harness must have all hooks")
}

func TestTheSkeletonOverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "bus.go")
	require.NoError(t, os.WriteFile(name, []byte("mine"), 0o600))
	r := run(t, "new-transport", "mybus", "--dir", dir)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "is not empty (it contains bus.go): choose another folder")
	requireOneLine(t, r.stderr)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
}

func TestTheSkeletonHasTheGivenNames(t *testing.T) {
	t.Parallel()
	dir, _ := skeleton(t, "--module", "example.org/team/buses/mybus")
	for file, want := range map[string]string{
		"go.mod":                   "module example.org/team/buses/mybus\n",
		"bus.go":                   "\npackage mybus\n",
		"conformance_test.go":      `os.Getenv("MYBUS_ADDRESS")`,
		"README.md":                "`backplane conformance: not proven yet`",
		".github/workflows/ci.yml": "if: github.event_name == 'schedule'",
		"go.sum":                   "h1:",
	} {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		require.NoError(t, err)
		require.Contains(t, string(text), want)
		require.NotContains(t, string(text), "«")
	}
	ours, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	theirs, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	for line := range strings.Lines(string(ours)) {
		if strings.HasPrefix(line, "go ") {
			require.Contains(t, string(theirs), "\n"+line)
		}
	}
}

func TestNewTransportRefusesWrongNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "My", "my-bus", "my_bus", "7bus", "func", "a/b", "../x"} {
		requireUsage(t, "NAME must be a Go package name in lower case, such as mybus", "new-transport", name)
	}
	requireUsage(t, `NAME must not be "transport"`, "new-transport", "transport")
	requireUsage(t, "NAME is missing", "new-transport")
	requireUsage(t, `--module must be a module path`, "new-transport", "mybus", "--module", "a b")
	requireUsage(t, `--replace must be a checkout`, "new-transport", "mybus", "--replace", t.TempDir())
}
