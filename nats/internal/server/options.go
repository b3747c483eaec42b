package server

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Servers knows the servers of a NATS cluster and how to connect to them. It is safe for concurrent use.
type Servers struct {
	options nats.Options
	err     error // why the options cannot be used
	Needs

	mu    sync.Mutex // guards known
	known []address  // in the order in which they are tried
}

// Needs are what a driver needs of its servers.
type Needs struct {
	Prefix     string        // of the subjects of markers
	MaxPayload int           // in bytes
	Interval   time.Duration // between two questions to a server whether it is still there
}

// address is where a server accepts clients.
type address struct {
	host   string // and port
	secure bool
	user   *url.Userinfo
}

// New returns the servers of a URL, or several with commas between them, and of the options.
func New(servers string, options []nats.Option, needs Needs) *Servers {
	s := &Servers{options: nats.GetDefaultOptions(), Needs: needs}
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&s.options); err != nil {
			s.err = fmt.Errorf("%w: %w", ErrOptions, err)
			return s
		}
	}
	urls := append(strings.Split(servers, ","), s.options.Url)
	for _, text := range append(urls, s.options.Servers...) {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		a, err := parse(text)
		if err != nil {
			s.err = fmt.Errorf("%w: %w", ErrOptions, err)
			return s
		}
		s.learn(a)
	}
	if len(s.known) == 0 {
		s.learn(address{host: "127.0.0.1:4222"})
	}
	if !s.options.NoRandomize {
		rand.Shuffle(len(s.known), func(i, j int) { s.known[i], s.known[j] = s.known[j], s.known[i] })
	}
	return s
}

// parse reads the URL of a server, or its host and port.
func parse(text string) (address, error) {
	if !strings.Contains(text, "://") {
		text = "nats://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return address{}, fmt.Errorf("the URL of a server is malformed: %w", err.(*url.Error).Err) // without password
	}
	if u.Scheme != "nats" && u.Scheme != "tls" {
		return address{}, fmt.Errorf("the scheme %q is not supported, only nats and tls are", u.Scheme)
	}
	port := u.Port()
	if port == "" {
		port = "4222"
	}
	return address{host: net.JoinHostPort(u.Hostname(), port), secure: u.Scheme == "tls", user: u.User}, nil
}

// learn adds a server at the end, unless it is known. The caller holds s.mu, or is New.
func (s *Servers) learn(a address) {
	for _, known := range s.known {
		if known.host == a.host {
			return
		}
	}
	s.known = append(s.known, a)
}

// discovered adds the servers that a server has named, and returns their addresses.
func (s *Servers) discovered(hosts []string, by address) []address {
	if s.options.IgnoreDiscoveredServers {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []address
	for _, host := range hosts {
		a := address{host: host, secure: by.secure, user: by.user}
		s.learn(a)
		found = append(found, a)
	}
	return found
}

// all returns the known servers.
func (s *Servers) all() []address {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]address(nil), s.known...)
}

// prefer lets the next connection begin with the server at host.
func (s *Servers) prefer(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, a := range s.known {
		if a.host == host {
			copy(s.known[1:i+1], s.known[:i])
			s.known[0] = a
			return
		}
	}
}

// timeout is how long connecting to one server may take.
func (s *Servers) timeout() time.Duration {
	if s.options.Timeout <= 0 {
		return nats.DefaultTimeout
	}
	return s.options.Timeout
}

// tlsConfig returns the configuration for a server.
func (s *Servers) tlsConfig(a address) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.options.TLSConfig != nil {
		config = s.options.TLSConfig.Clone()
	}
	if s.options.TLSCertCB != nil {
		cert, err := s.options.TLSCertCB()
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{cert}
	}
	if s.options.RootCAsCB != nil {
		roots, err := s.options.RootCAsCB()
		if err != nil {
			return nil, err
		}
		config.RootCAs = roots
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(a.host)
	}
	return config, nil
}

// greeting is the CONNECT of a client.
type greeting struct {
	Verbose   bool   `json:"verbose"`
	Pedantic  bool   `json:"pedantic"`
	JWT       string `json:"jwt,omitempty"`
	Nkey      string `json:"nkey,omitempty"`
	Signature string `json:"sig,omitempty"`
	User      string `json:"user,omitempty"`
	Password  string `json:"pass,omitempty"`
	Token     string `json:"auth_token,omitempty"`
	TLS       bool   `json:"tls_required"`
	Name      string `json:"name"`
	Lang      string `json:"lang"`
	Version   string `json:"version"`
	Protocol  int    `json:"protocol"`
	Echo      bool   `json:"echo"`
	Headers   bool   `json:"headers"`
	// NoResponders asks for an answer to questions on subjects that nobody listens to.
	NoResponders bool `json:"no_responders"`
}

// connect returns the first lines of a client, which end with a PING.
func (s *Servers) connect(a address, i info, secure bool) ([]byte, error) {
	o := s.options
	g := greeting{TLS: secure, Name: o.Name, Lang: "go", Version: nats.Version, Protocol: 1, Echo: true,
		Headers: true, NoResponders: true}
	if password, ok := a.user.Password(); ok {
		g.User, g.Password = a.user.Username(), password
	} else if a.user != nil {
		g.Token = a.user.Username()
	} else {
		g.User, g.Password, g.Token, g.Nkey = o.User, o.Password, o.Token, o.Nkey
		if o.UserInfo != nil {
			g.User, g.Password = o.UserInfo()
		}
		if o.TokenHandler != nil {
			g.Token = o.TokenHandler()
		}
	}
	var err error
	if o.UserJWT != nil {
		if g.JWT, err = o.UserJWT(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOptions, err)
		}
	}
	if o.SignatureCB != nil && i.Nonce != "" {
		signature, err := o.SignatureCB([]byte(i.Nonce))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		g.Signature = base64.RawURLEncoding.EncodeToString(signature)
	}
	b, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	return append(append([]byte("CONNECT "), b...), "\r\nPING\r\n"...), nil
}
