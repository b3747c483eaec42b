package chat

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

const (
	deliveryInterval = 200 * time.Millisecond // between reports of deliveries
	reportDelay      = 120 * time.Millisecond // for the reports of all nodes to arrive
	debounce         = 60 * time.Millisecond  // changes within this time are shown together
	requestTimeout   = 2 * time.Second        // for the answers of other nodes
)

// Limits of what is shown.
const (
	maxListed = 200 // clients
	maxUID    = 64  // bytes
	maxURL    = 200 // bytes
	maxNodes  = 100
)

// report describes a node. Nodes send it to each other every second and whenever they have delivered messages.
type report struct {
	UID  string  `json:"uid"`
	Name string  `json:"name"`
	URL  string  `json:"url"`
	Rate float64 `json:"rate"` // messages delivered to its clients per second
	// Got counts the messages that it has delivered since its last report, by the uid of the node where they were sent.
	Got map[string]int `json:"got,omitempty"`
	// Changed is true if its clients or their rooms have changed.
	Changed bool `json:"changed,omitempty"`
}

// heard is a report and when it came.
type heard struct {
	report
	at time.Time
}

// forgetAfter is the time after which a node that has sent no report is forgotten, if its uid is no peer's.
const forgetAfter = 4 * time.Second

// overview collects what the diagram of the page shows.
type overview struct {
	io      *socketio.Server
	config  Config
	traffic traffic
	own     chan struct{} // signals a change of this node, which is reported to the others
	any     chan struct{} // signals a change of any node, which is shown to the clients

	mu    sync.Mutex       // guards the fields below
	nodes map[string]heard // the last report of each other node, by uid
	rate  float64
}

func newOverview(io *socketio.Server, config Config) *overview {
	return &overview{
		io: io, config: config, nodes: make(map[string]heard),
		own: make(chan struct{}, 1), any: make(chan struct{}, 1),
	}
}

// clientsChanged is called when the clients of this node, their names or their rooms have changed.
func (o *overview) clientsChanged() {
	signal(o.own)
	signal(o.any)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // a signal is pending already
	}
}

func (o *overview) run(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { o.sendReports(ctx) })
	group.Go(func() { o.updateClients(ctx) })
	group.Wait()
}

// sendReports reports this node to the others.
func (o *overview) sendReports(ctx context.Context) {
	deliveries, second := time.NewTicker(deliveryInterval), time.NewTimer(untilSecond(0))
	defer deliveries.Stop()
	defer second.Stop()
	signal(o.own) // the first report, without which the others know only the uid
	counted := time.Now()
	for {
		changed, due := false, false
		select {
		case <-ctx.Done():
			return
		case <-o.own:
			changed = true
		case <-deliveries.C:
		case now := <-second.C:
			o.mu.Lock()
			o.rate = float64(o.traffic.takeTotal()) / max(1, math.Round(now.Sub(counted).Seconds()))
			o.mu.Unlock()
			counted, due = now, true
			second.Reset(untilSecond(0))
		}
		r := o.report()
		r.Got, r.Changed = o.traffic.takeSenders(), changed
		if len(r.Got) > 0 {
			o.showDeliveries(r)
		}
		if !o.config.Apart && (changed || due || len(r.Got) > 0) {
			_ = o.io.Timeout(requestTimeout).ServerSideEmit(ctx, "node", r) // the next report follows soon
		}
	}
}

// untilSecond returns the time until the next full second, plus a delay. All nodes count the messages of the same
// second, so that every page shows the same sum at the same time.
func untilSecond(delay time.Duration) time.Duration {
	now := time.Now()
	return now.Add(-delay).Truncate(time.Second).Add(time.Second + delay).Sub(now)
}

// report describes this node.
func (o *overview) report() report {
	o.mu.Lock()
	defer o.mu.Unlock()
	return report{UID: o.io.UID(), Name: o.config.Name, URL: o.config.URL, Rate: o.rate}
}

// receiveReport handles the report of another node. It checks the sizes, because anybody with access to the bus can
// send reports.
func (o *overview) receiveReport(r report) {
	if r.UID == "" || len(r.UID) > maxUID || len(r.URL) > maxURL || len(r.Got) > maxSenders {
		return
	}
	r.Name = cleanName(r.Name)
	o.mu.Lock()
	_, known := o.nodes[r.UID]
	if known || len(o.nodes) < maxNodes {
		o.nodes[r.UID] = heard{r, time.Now()}
	}
	o.mu.Unlock()
	if len(r.Got) > 0 {
		o.showDeliveries(r)
	}
	if r.Changed || !known {
		signal(o.any)
	}
	if !known {
		signal(o.own) // the new node does not know this one either
	}
}

// showDeliveries tells the clients of this node what another node has delivered.
func (o *overview) showDeliveries(r report) {
	type flow struct {
		To   string         `json:"to"`
		From map[string]int `json:"from"`
	}
	_ = o.io.Local().Volatile().EmitAsync("flow", flow{r.UID, r.Got}) // fails only when the node shuts down
}

// updateClients shows the cluster to the clients of this node, when something has changed and every second.
func (o *overview) updateClients(ctx context.Context) {
	second := time.NewTimer(untilSecond(reportDelay))
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.any:
			select {
			case <-ctx.Done():
			case <-time.After(debounce):
			}
		case <-second.C:
			second.Reset(untilSecond(reportDelay))
		}
		if o.io.SocketsCount() > 0 {
			o.showCluster(ctx)
		}
	}
}

// client is a client in the page's lists.
type client struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Node  string   `json:"node"`
	Rooms []string `json:"rooms"`
}

// node is a node in the page's diagram.
type node struct {
	UID     string  `json:"uid"`
	Name    string  `json:"name"`
	URL     string  `json:"url"`
	Sockets int     `json:"sockets"`
	Rate    float64 `json:"rate"`
}

// showCluster sends the clients of this node a list of all nodes and of the clients that fetchSockets returns.
func (o *overview) showCluster(ctx context.Context) {
	type cluster struct {
		UID     string   `json:"uid"` // of this node
		Bus     string   `json:"bus"`
		Nodes   []node   `json:"nodes"`
		Sockets []client `json:"sockets"`
		More    int      `json:"more"` // clients that are not listed
	}
	all := o.io.Timeout(requestTimeout)
	if o.config.Apart {
		all = all.Local()
	}
	sockets, err := all.FetchSockets(ctx)
	if ctx.Err() != nil || err != nil && sockets == nil {
		return
	}
	clients, counts := list(sockets)
	c := cluster{
		UID: o.io.UID(), Bus: o.config.Bus, Nodes: o.present(counts),
		Sockets: clients, More: len(sockets) - len(clients),
	}
	_ = o.io.Local().Volatile().EmitAsync("cluster", c) // fails only when the node shuts down
}

// list describes up to maxListed sockets, and counts all of them by node.
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
		if socket.Data().Decode(&p) != nil || cleanName(p.Name) == "" { // a client of a server without this chat
			p.Name = socket.ID()[:min(6, len(socket.ID()))]
		}
		rooms := []string{}
		for _, room := range socket.Rooms() {
			if room != socket.ID() && len(rooms) < maxRooms {
				rooms = append(rooms, room)
			}
		}
		clients = append(clients, client{socket.ID(), cleanName(p.Name), socket.Node(), rooms})
	}
	return clients, counts
}

// present lists this node and its peers, with what they have reported. It forgets nodes that are no longer peers.
func (o *overview) present(counts map[string]int) []node {
	own := o.report()
	peers := o.io.Peers()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.config.Unnamed {
		peers = peers[:0]
		for uid, r := range o.nodes {
			if time.Since(r.at) < forgetAfter {
				peers = append(peers, uid)
			}
		}
		slices.Sort(peers)
	}
	for uid := range o.nodes {
		if !slices.Contains(peers, uid) {
			delete(o.nodes, uid)
		}
	}
	nodes := []node{{own.UID, own.Name, own.URL, counts[own.UID], own.Rate}}
	for _, uid := range peers[:min(len(peers), maxNodes)] {
		r := o.nodes[uid]
		nodes = append(nodes, node{uid, r.Name, r.URL, counts[uid], r.Rate})
	}
	if others := counts[""]; others > 0 { // of servers that do not name themselves
		nodes = append(nodes, node{Name: "Node.js", Sockets: others})
	}
	return nodes
}
