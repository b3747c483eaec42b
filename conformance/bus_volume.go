package conformance

import (
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var volumeChecks = []check[*busChecker]{
	{"AllSizesArrive", "transport.Limits.Payload",
		"A payload of any size up to Limits.Payload arrives as it was sent, alone and in a batch. Buffers, " +
			"frames and packets have sizes at which bugs are common.", allSizesArrive},
	{"EachMessageArrivesOnceInOrder", "package transport, Delivery",
		"Publish sends all of msgs, in order, however many; nothing is lost, delivered twice or changed while " +
			"the session is intact. Otherwise a chat is scrambled, and a counter that messages increment is wrong " +
			"forever.", eachMessageArrivesOnceInOrder},
	{"OrderIsKeptAcrossChannels", "package transport, Delivery",
		"The order holds across all channels, and a session receives exactly the channels it listens to. The " +
			"second of two messages to two namespaces may only make sense after the first, and a message that strays " +
			"shows private data to the wrong users.", orderIsKeptAcrossChannels},
	{"OrderIsKeptBetweenBuses", "package transport, Delivery",
		"Messages of a Publish that has returned arrive before those of a later Publish, on whichever bus. An " +
			"answer must not arrive before its question; and when a cluster receives its own message, it concludes " +
			"that it has missed nothing until then.", orderIsKeptBetweenBuses},
	{"ConcurrentPublishIsSafe", "transport.Bus",
		"A Bus is safe for concurrent use, and the messages of each caller stay in order. The handlers of a " +
			"server's clients publish at the same time.", concurrentPublishIsSafe},
}

// budget is the approximate duration of one scenario, if the bus can carry enough messages in that time.
func (c *checker) budget() time.Duration {
	return time.Duration(c.scale(120, 20_000)) * time.Millisecond
}

// capPayload returns the size of the largest payload that limits allow, but at most most.
func capPayload(limits transport.Limits, most int) int {
	if limits.Payload > 0 && limits.Payload < most {
		return limits.Payload
	}
	return most
}

func allSizesArrive(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	far := c.open(two, "a", "b")
	timing := c.measureTiming(one, far, "a")
	top := capPayload(one.Limits(), c.scale(4<<20, 16<<20))
	sizes := boundarySizes(top)
	// Some payloads are sent alone: the largest in any case, and as many of the others as there is time for.
	alone := countWithin(c.budget(), timing.latency, 12, len(sizes))
	var order []int
	for i := range alone {
		order = append(order, sizes[(i+1)*len(sizes)/alone-1])
	}
	batches := slices.Repeat([]int{1}, alone)
	batch, bytes := 0, 0
	for _, size := range sizes {
		order = append(order, size)
		if batch++; bytes+size >= 1<<20 || batch == len(sizes) {
			batches = append(batches, batch)
			batch, bytes = 0, 0
		} else {
			bytes += size
		}
	}
	if batch > 0 {
		batches = append(batches, batch)
	}
	s := c.newSequence(0, one.Limits(), top, "a", "b")
	s.size = func(n int) int { return order[n] }

	t := &traffic{busChecker: c, called: fmt.Sprintf("Publish payloads of 0 to %d bytes, alone and in batches", top)}
	t.addSequence(s, batches, one)
	t.addReader("a session of another bus", far, "a", "b")
	t.transfer()
}

// boundarySizes returns sizes up to top: all small ones, and those near the powers of two and ten and near top,
// where buffers end.
func boundarySizes(top int) (sizes []int) {
	add := func(around int, distances ...int) {
		for _, d := range distances {
			if size := around + d; size >= 0 && size <= top {
				sizes = append(sizes, size)
			}
		}
	}
	for size := range 131 {
		add(size, 0)
	}
	for around := 256; around <= top; around *= 2 {
		if around <= 256<<10 {
			add(around, -64, -32, -16, -8, -7, -6, -5, -4, -3, -2, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64)
		}
		if around <= 1<<20 {
			add(around, -1, 1)
		}
		add(around, 0)
	}
	for around := 1000; around <= min(top, 1_000_000); around *= 10 { // some limits are decimal
		add(around, -1, 0, 1)
	}
	if top <= 256<<10 {
		add(top, -64, -32, -16, -8, -7, -6, -5, -4, -3, -2)
	}
	add(top, -1, 0)
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// batchSizes returns the sizes of batches with count messages in total: from one to thousands, and many of one
// message if the bus is fast.
func (c *busChecker) batchSizes(count int, travel time.Duration) (sizes []int) {
	sum := 0
	add := func(n int) {
		if n = min(n, count-sum); n > 0 {
			sizes, sum = append(sizes, n), sum+n
		}
	}
	calls := countWithin(c.budget(), travel, 10, count)
	for _, n := range []int{1, 2, min(5000, count/2), 1, min(1030, count/10)} {
		add(n)
	}
	for range min(calls/2, 5200, count/3) {
		add(1)
	}
	pattern := []int{1, 2, 1030, 3, 65, 1, 129, 1, 7, 257, 1, 1500}
	if calls > 100 {
		pattern = []int{1, 2, 1, 7, 1, 65, 1, 3, 1, 129, 1, 1030, 1, 10, 1, 33, 257, 5, 1, 101, 2, 1, 3000}
	}
	for i := 0; sum < count; i++ {
		add(pattern[i%len(pattern)])
	}
	return sizes
}

func eachMessageArrivesOnceInOrder(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	far := c.open(two, "a")
	timing := c.measureTiming(one, far, "a")
	count := countWithin(c.budget(), timing.perMessage, 10_000, c.scale(60_000, 3_000_000))
	s := c.newSequence(0, one.Limits(), 100, "a")
	s.size = func(n int) int { return 1 + int(hash(n, 2)%100) }

	t := &traffic{busChecker: c,
		called: fmt.Sprintf("Publish %d messages of 1 to 100 bytes, in batches of 1 to thousands", count)}
	t.addSequence(s, c.batchSizes(count, timing.latency), one)
	t.addReader("a session of another bus", far, "a")
	t.transfer()
}

func orderIsKeptAcrossChannels(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	near := c.open(one, "0")
	timing := c.measureTiming(one, near, "0")
	names := make([]string, countWithin(5*time.Second, c.latency(), 20, 130))
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	most, some := names[:len(names)-1], names[len(names)/2:] // no session listens to all channels
	far, half := c.open(two, most...), c.open(two, some...)
	count := countWithin(2*c.budget(), 8*timing.perMessage, 11_500, c.scale(30_000, 1_000_000))
	s := c.newSequence(0, one.Limits(), capPayload(one.Limits(), 70_000), names...)
	s.channel = func(n int) int { // more than half on one channel, many on the next
		switch n % 4 {
		case 0, 2:
			return 0
		case 1:
			return 1
		default:
			return int(hash(n, 1) % uint64(len(names)))
		}
	}

	t := &traffic{busChecker: c,
		called: fmt.Sprintf("Publish %d messages of all sizes on %d channels, in batches of 1 to thousands", count,
			len(names))}
	t.addSequence(s, c.batchSizes(count, timing.latency), one)
	t.addReader("a session that listens to one channel", near, "0")
	t.addReader("a session of another bus, that listens to all channels but one", far, most...)
	t.addReader("a session of another bus, that listens to half of the channels", half, some...)
	t.transfer()
}

func orderIsKeptBetweenBuses(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	far := c.open(two, "a", "b")
	timing := c.measureTiming(one, far, "a")
	near := c.open(one, "a", "b")
	calls := countWithin(c.budget(), timing.latency, 20, c.scale(4000, 100_000))
	batches := slices.Repeat([]int{1, 1, 1, 2, 7}, calls/5)
	for i := 10; i < len(batches); i += 51 {
		batches[i] = 100
	}
	s := c.newSequence(0, one.Limits(), capPayload(one.Limits(), 8000), "a", "b")

	t := &traffic{busChecker: c,
		called: fmt.Sprintf("Publish on one bus, and after it has returned on another, %d times", len(batches)/2)}
	t.addSequence(s, batches, one, two)
	t.addReader("a session of the first bus", near, "a", "b")
	t.addReader("a session of the other bus", far, "a", "b")
	t.transfer()
}

func concurrentPublishIsSafe(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	far := c.open(two, "a", "b")
	timing := c.measureTiming(one, far, "a")
	near := c.open(one, "a", "b")
	const publishers = 6
	each := countWithin(c.budget(), 4*publishers*timing.perMessage, 1900, c.scale(4000, 200_000))
	t := &traffic{busChecker: c,
		called: fmt.Sprintf("Publish %d messages on each of %d goroutines, half of them on another bus", each,
			publishers)}
	for p := range publishers {
		s := c.newSequence(p, one.Limits(), capPayload(one.Limits(), 8000), "a", "b")
		t.addSequence(s, c.batchSizes(each, publishers*timing.latency), []transport.Bus{one, two}[p%2])
	}
	t.addReader("a session of one bus", near, "a", "b")
	t.addReader("a session of the other bus", far, "a", "b")
	t.transfer()
}
