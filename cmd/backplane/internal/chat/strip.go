package chat

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// How often the strip hears what.
const (
	beat     = 200 * time.Millisecond // deliveries
	second   = time.Second            // everything else
	debounce = 60 * time.Millisecond  // changes that come together are one
	patience = 2 * time.Second        // for the answers of other nodes
)

// Bounds of what is shown.
const (
	maxListed = 200 // clients
	maxUID    = 64  // bytes
	maxURL    = 200 // bytes
	maxNodes  = 100
)

// report is what a node tells the others about itself, every second and whenever its clients were given something.
type report struct {
	UID  string  `json:"uid"`
	Name string  `json:"name"`
	URL  string  `json:"url"`
	Rate float64 `json:"rate"` // messages given to its clients per second
	// Got is how many messages its clients were given since the last report, by the node where they were said.
	Got map[string]int `json:"got,omitempty"`
	// Changed: its clients or their rooms have changed.
	Changed bool `json:"changed,omitempty"`
}

// strip knows what the strips of this node's clients show.
type strip struct {
	io      *socketio.Server
	config  Config
	traffic traffic
	news    chan struct{} // something has changed here; the others are told
	stale   chan struct{} // something has changed here or elsewhere

	mu    sync.Mutex        // guards all below
	nodes map[string]report // what other nodes say, by uid
	rate  float64
}

func newStrip(io *socketio.Server, config Config) *strip {
	return &strip{io: io, config: config, nodes: make(map[string]report), news: make(chan struct{}, 1), stale: make(chan struct{}, 1)}
}

// changed is called when this node's clients, their names or their rooms have changed.
func (s *strip) changed() {
	signal(s.news)
	signal(s.stale)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // somebody has said so already
	}
}

func (s *strip) run(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { s.tell(ctx) })
	group.Go(func() { s.look(ctx) })
	group.Wait()
}

// tell tells the other nodes about this one.
func (s *strip) tell(ctx context.Context) {
	beats, seconds := time.NewTicker(beat), time.NewTicker(second)
	defer beats.Stop()
	defer seconds.Stop()
	signal(s.news) // so that it is more than a uid to the others
	counted := time.Now()
	for {
		changed, due := false, false
		select {
		case <-ctx.Done():
			return
		case <-s.news:
			changed = true
		case <-beats.C:
		case now := <-seconds.C:
			s.mu.Lock()
			s.rate = float64(s.traffic.total()) / now.Sub(counted).Seconds()
			s.mu.Unlock()
			counted, due = now, true
		}
		r := s.report()
		r.Got, r.Changed = s.traffic.senders(), changed
		if len(r.Got) > 0 {
			s.flow(r)
		}
		if changed || due || len(r.Got) > 0 {
			_ = s.io.Timeout(patience).ServerSideEmit(ctx, "node", r) // the next comes soon
		}
	}
}

// report is what there is to say about this node.
func (s *strip) report() report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return report{UID: s.io.UID(), Name: s.config.Name, URL: s.config.URL, Rate: s.rate}
}

// heard is a report of another node. Anybody with access to the bus can send one.
func (s *strip) heard(r report) {
	if r.UID == "" || len(r.UID) > maxUID || len(r.URL) > maxURL || len(r.Got) > maxSenders {
		return
	}
	r.Name = tidy(r.Name)
	s.mu.Lock()
	_, known := s.nodes[r.UID]
	if known || len(s.nodes) < maxNodes {
		s.nodes[r.UID] = r
	}
	s.mu.Unlock()
	if len(r.Got) > 0 {
		s.flow(r)
	}
	if r.Changed || !known {
		signal(s.stale)
	}
	if !known {
		signal(s.news) // it does not know of this one either
	}
}

// flow shows this node's clients what the clients of a node were given.
func (s *strip) flow(r report) {
	type flow struct {
		To   string         `json:"to"`
		From map[string]int `json:"from"`
	}
	_ = s.io.Local().Volatile().EmitAsync("flow", flow{r.UID, r.Got}) // fails only when the node ends
}

// look asks all nodes for their clients, when something has changed and every second.
func (s *strip) look(ctx context.Context) {
	ticker := time.NewTicker(second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.stale:
			select {
			case <-ctx.Done():
			case <-time.After(debounce):
			}
		case <-ticker.C:
		}
		if s.io.SocketsCount() > 0 {
			s.show(ctx)
		}
	}
}

// client is a client as the page lists it.
type client struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Node  string   `json:"node"`
	Rooms []string `json:"rooms"`
}

// node is a node as the page draws it.
type node struct {
	UID     string  `json:"uid"`
	Name    string  `json:"name"`
	URL     string  `json:"url"`
	Sockets int     `json:"sockets"`
	Rate    float64 `json:"rate"`
}

// show gives this node's clients what fetchSockets finds.
func (s *strip) show(ctx context.Context) {
	type cluster struct {
		UID     string   `json:"uid"` // of this node
		Bus     string   `json:"bus"`
		Nodes   []node   `json:"nodes"`
		Sockets []client `json:"sockets"`
		More    int      `json:"more"` // clients that are not listed
	}
	sockets, err := s.io.Timeout(patience).FetchSockets(ctx)
	if ctx.Err() != nil || err != nil && sockets == nil {
		return
	}
	clients, counts := list(sockets)
	c := cluster{UID: s.io.UID(), Bus: s.config.Bus, Nodes: s.present(counts), Sockets: clients, More: len(sockets) - len(clients)}
	_ = s.io.Local().Volatile().EmitAsync("cluster", c) // fails only when the node ends
}

// list describes sockets, as many as a page can show, and counts them by node.
func list(sockets []*backplane.RemoteSocket) ([]client, map[string]int) {
	counts := make(map[string]int)
	slices.SortFunc(sockets, func(a, b *backplane.RemoteSocket) int {
		return cmp.Or(cmp.Compare(a.Node(), b.Node()), cmp.Compare(a.ID(), b.ID()))
	})
	clients := []client{}
	for _, socket := range sockets {
		counts[socket.Node()]++
		if len(clients) == maxListed {
			continue
		}
		var p person
		if socket.Data().Decode(&p) != nil || tidy(p.Name) == "" { // some server of another kind
			p.Name = socket.ID()[:min(6, len(socket.ID()))]
		}
		rooms := []string{}
		for _, room := range socket.Rooms() {
			if room != socket.ID() && len(rooms) < maxRooms {
				rooms = append(rooms, room)
			}
		}
		clients = append(clients, client{socket.ID(), tidy(p.Name), socket.Node(), rooms})
	}
	return clients, counts
}

// present lists the nodes: this one and its peers, with what they say about themselves if they do.
func (s *strip) present(counts map[string]int) []node {
	own := s.report()
	peers := s.io.Peers()
	s.mu.Lock()
	defer s.mu.Unlock()
	for uid := range s.nodes {
		if !slices.Contains(peers, uid) {
			delete(s.nodes, uid)
		}
	}
	nodes := []node{{own.UID, own.Name, own.URL, counts[own.UID], own.Rate}}
	for _, uid := range peers[:min(len(peers), maxNodes)] {
		r := s.nodes[uid]
		nodes = append(nodes, node{uid, r.Name, r.URL, counts[uid], r.Rate})
	}
	return nodes
}
