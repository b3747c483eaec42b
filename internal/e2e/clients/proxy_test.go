package clients_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/child"
	"github.com/backplane-go/backplane/internal/freeport"
)

// proxyAddress is the address from which the proxies connect to the server. It differs from the clients' address.
const proxyAddress = "127.0.0.9"

// proxy is a reverse proxy with the configuration of examples/proxy.
type proxy struct {
	name, program string
	arguments     []string // run in the directory of the configuration
	file          string
	changes       []string // replacements in the file: old, new, …
}

var proxies = []proxy{
	{name: "nginx", program: "nginx", arguments: []string{"-p", ".", "-c", "nginx.conf"}, file: "nginx.conf",
		changes: []string{"proxy_http_version 1.1;", "proxy_http_version 1.1; proxy_bind " + proxyAddress + ";"}},
	{name: "haproxy", program: "haproxy", arguments: []string{"-f", "haproxy.cfg"}, file: "haproxy.cfg",
		changes: []string{"server one 127.0.0.1:3000", "server one 127.0.0.1:3000 source " + proxyAddress}},
	{name: "haproxyForwarded", program: "haproxy", arguments: []string{"-f", "haproxy.cfg"}, file: "haproxy.cfg",
		changes: []string{"server one 127.0.0.1:3000", "server one 127.0.0.1:3000 source " + proxyAddress,
			"option forwardfor\n", "http-request del-header X-Forwarded-For\n",
			"set-header X-Forwarded-Host %[req.hdr(Host)]", "del-header X-Forwarded-Host",
			"set-header X-Forwarded-Proto https if { ssl_fc }", "del-header X-Forwarded-Proto",
			"http-request set-header X-Forwarded-Proto http unless { ssl_fc }\n", "",
			"http-request del-header Forwarded", `http-request set-header Forwarded ` +
				`"for=\"%[src]:%[src_port]\";host=\"%[req.hdr(Host)]\";proto=%[ssl_fc,iif(https,http)]"`}},
	{name: "haproxyOptionForwarded", program: "haproxy", arguments: []string{"-f", "haproxy.cfg"}, file: "haproxy.cfg",
		changes: []string{"server one 127.0.0.1:3000", "server one 127.0.0.1:3000 source " + proxyAddress,
			"option forwardfor\n", "option forwarded proto host for for_port\n\thttp-request del-header " +
				"X-Forwarded-For\n", "set-header X-Forwarded-Host %[req.hdr(Host)]", "del-header X-Forwarded-Host",
			"set-header X-Forwarded-Proto https if { ssl_fc }", "del-header X-Forwarded-Proto",
			"http-request set-header X-Forwarded-Proto http unless { ssl_fc }\n", ""}},
}

// start runs the proxy in front of a server until the test ends. It returns its URLs without and with TLS.
func (p proxy) start(t *testing.T, server string) (urls []string) {
	t.Helper()
	binary, err := exec.LookPath(p.program)
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/" + p.program); err != nil {
			t.Skipf("%s is not installed (make setup)", p.program)
		}
	}
	file, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", "proxy", p.file))
	require.NoError(t, err)
	config := string(file)
	_, port, err := net.SplitHostPort(server)
	require.NoError(t, err)
	plain, secure := freePort(t), freePort(t)
	for i := 0; i < len(p.changes); i += 2 {
		require.Contains(t, config, p.changes[i], "examples/proxy/%s", p.file)
		config = strings.ReplaceAll(config, p.changes[i], p.changes[i+1])
	}
	for _, ports := range [][2]string{{"127.0.0.1:3000", "127.0.0.1:" + port},
		{"listen 8080", "listen 127.0.0.1:" + plain}, {"listen 8443", "listen 127.0.0.1:" + secure},
		{"bind :8080", "bind 127.0.0.1:" + plain}, {"bind :8443", "bind 127.0.0.1:" + secure}} {
		config = strings.ReplaceAll(config, ports[0], ports[1])
	}
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, p.file), []byte(config), 0o644))
	writeCertificate(t, folder)

	var log bytes.Buffer // read after the process has ended
	cmd := exec.Command(binary, p.arguments...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = folder, &log, &log, new(syscall.SysProcAttr)
	child.EndWithParent(cmd.SysProcAttr, syscall.SIGTERM)
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // see child.EndWithParent
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the log says why it ended
		}
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended
		<-ended
		if t.Failed() {
			t.Logf("%s:\n%s", p.name, log.String())
		}
	})
	for _, port := range []string{plain, secure} {
		for {
			nc, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				require.NoError(t, nc.Close())
				break
			}
			select {
			case <-ended:
				require.Fail(t, "it has ended", "%s: %s", p.name, log.String())
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return []string{"http://127.0.0.1:" + plain, "https://127.0.0.1:" + secure}
}

// freePort returns an unused port.
func freePort(t *testing.T) string {
	t.Helper()
	port, err := freeport.Get()
	require.NoError(t, err)
	return strconv.Itoa(port)
}

// writeCertificate writes a certificate for 127.0.0.1 and its key to the files that the configurations name.
func writeCertificate(t *testing.T, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM, keyPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, content := range map[string][]byte{"cert.pem": certPEM, "key.pem": keyPEM,
		"site.pem": append(certPEM, keyPEM...)} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
}

// TestBehindProxies: the configurations in examples/proxy work, and with TrustedProxies the server sees the client as
// without a proxy.
func TestBehindProxies(t *testing.T) {
	for _, p := range proxies {
		if p.name == "haproxyOptionForwarded" && !haproxyForwards() {
			t.Run(p.name, func(t *testing.T) { t.Skip("haproxy has this option since version 2.8") })
			continue
		}
		for _, byServe := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/byServe=%v", p.name, byServe), func(t *testing.T) {
				t.Parallel()
				s := newGoServer(t, config{proxies: []string{proxyAddress}, byServe: byServe}, nil)
				urls := p.start(t, s.address)
				h := newHost(t)
				for _, url := range urls {
					for _, transports := range everyTransport {
						scheme, _, _ := strings.Cut(url, ":")
						t.Run(scheme+"/"+strings.Join(transports, "+"), func(t *testing.T) {
							f := &fixture{T: t, ctx: patient(t), host: h, server: s, transports: transports}
							f.throughProxy(url)
						})
					}
				}
			})
		}
	}
}

// haproxyForwards reports whether the installed haproxy has the option forwarded.
func haproxyForwards() bool {
	for _, binary := range []string{"haproxy", "/usr/sbin/haproxy"} {
		if out, err := exec.Command(binary, "-v").Output(); err == nil {
			var major, minor int
			_, rest, _ := strings.Cut(string(out), "version ")
			_, err := fmt.Sscanf(rest, "%d.%d", &major, &minor)
			return err == nil && (major > 2 || major == 2 && minor >= 8)
		}
	}
	return false
}

// throughProxy is a client behind a proxy that also sends forged headers.
func (f *fixture) throughProxy(url string) {
	headers := func(origin string) map[string]string {
		return map[string]string{"Origin": origin, "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "evil.example",
			"X-Forwarded-Proto": "gopher",
			"Forwarded":         `for=203.0.113.7;host=evil.example, for="`}
	}
	open := func(origin string) *client {
		return f.open(clientSpec{URL: url, Options: options{"extraHeaders": headers(origin),
			"rejectUnauthorized": false}})
	}
	c := open(url)
	c.connected()
	e := f.accepted(c)
	require.Equal(f, "127.0.0.1", e.Address, "the address must be the client's, not the proxy's or the forged one")
	require.Equal(f, strings.HasPrefix(url, "https:"), e.Secure)
	f.settle(c)
	text := longText(100_000)
	same(f.T, []any{text, []byte{1, 2}, nil}, c.ask("echo3", text, []byte{1, 2}, nil))
	f.must(emit("news", text).of(c.id))
	c.expect("news", text)

	for _, origin := range []string{"https://evil.example", "http://" + f.server.(*goServer).address, "x" + url} {
		refused := open(origin).refused()
		require.NotEmpty(f, refused.Message, origin)
		if f.transports[0] == "polling" {
			require.Equal(f, http.StatusForbidden, refused.Status, origin)
		}
	}
}
