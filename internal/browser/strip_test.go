package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/browser"
)

func TestANodeThatStopsIsShownAsGone(t *testing.T) {
	b := browser.Start(t)
	d := startDemo(t)
	laptop := d.open(b, 0, "laptop", browser.Device{})
	phone := d.open(b, 1, "phone", browser.Device{Width: 390, Height: 844, Scale: 2, Touch: true, Dark: true})
	laptop.See("#nodes li", "phone")
	phone.Enter("#room", "red")
	laptop.See("#summary", "3 nodes, 2 clients, over the in-memory bus")

	d.toggle(1, "has stopped")
	laptop.See("#stations .gone", d.name(1))
	laptop.See("#stations .gone small", "gone")
	laptop.See("#summary", "2 nodes, 1 client")
	laptop.Miss("#nodes h3", d.name(1))
	laptop.Shoot("gone")
	// Its own page says so, and where to go.
	phone.See("#notice", d.name(1)+" is out of reach")
	phone.See("#notice a", d.name(2))
	phone.See("#stations .gone", d.name(1))
	phone.Shoot("out-of-reach-phone-dark")
	phone.Fill("#text", "is anybody there?")
	phone.Press("#text", "Enter")
	phone.See("#notice", "is out of reach")

	d.toggle(1, "is back")
	laptop.Miss("#stations .gone", "")
	laptop.See("#summary", "3 nodes")
	phone.See("body.connected #stations .own", d.name(1))
	phone.Miss("#notice", "")
	laptop.See("#nodes section:has-text('"+d.name(1)+"') li", "red") // it has joined its room again
	laptop.Enter("#text", "welcome back")
	phone.See("#rooms li:has-text('Everyone') b", "1")
}

func TestTheStripDrawsDeliveries(t *testing.T) {
	b := browser.Start(t)
	d := startDemo(t)
	one := d.open(b, 0, "one", browser.Device{})
	still := d.open(b, 1, "still", browser.Device{Still: true})
	d.open(b, 2, "three", browser.Device{})
	one.See("#nodes li", "three")
	still.See("#nodes li", "three")
	one.See("#last", "no deliveries yet")
	one.Enter("#text", "hello")
	for _, p := range []*browser.Page{one, still} {
		p.Until("document.querySelectorAll('#arcs g').length === 2") // to the other nodes
		p.See("#last", d.name(0)+" → ")
		p.See("#last", d.name(2))
	}
	require.Zero(t, still.Count("#arcs g circle"), "nothing moves for who does not want it")
	one.Until("Number(document.getElementById('rate').textContent) > 0")
	one.Until("document.querySelectorAll('#arcs g').length === 0") // they fade
	one.Until("document.getElementById('rate').textContent === '0'")
}

func TestThePageFitsItsDevice(t *testing.T) {
	b := browser.Start(t)
	d := startDemo(t, "--nodes", "6")
	for name, device := range map[string]browser.Device{
		"laptop": {}, "laptop-dark": {Dark: true}, "wide": {Width: 2200, Height: 1200}, "small-laptop": {Width: 1024, Height: 640},
		"tablet": {Width: 820, Height: 1100}, "phone": browser.Phone, "small-phone-dark": {Width: 320, Height: 568, Scale: 2, Touch: true, Dark: true},
		"phone-landscape": {Width: 740, Height: 360, Scale: 2, Touch: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := d.open(b, 0, name, device)
			p.Enter("#text", "A message of some length, which has to be broken into lines on a small screen, and not to run out of it: "+
				"https://example.com/an/address/that/is/one/long/word/and/has/no/place/to/break/at/all")
			p.See(".mine .text", "A message")
			p.Shoot("fits-" + name)
			for _, c := range []struct{ why, expression string }{
				{"nothing scrolls sideways", "document.documentElement.scrollWidth <= innerWidth && document.getElementById('logs').scrollWidth <= document.getElementById('logs').clientWidth"},
				{"the page itself does not scroll", "document.documentElement.scrollHeight <= innerHeight"},
				{"the composer is there", "(r => r.bottom <= innerHeight && r.left >= 0 && r.right <= innerWidth && r.height >= 36)(document.querySelector('.send').getBoundingClientRect())"},
				{"there is room for messages", "document.getElementById('logs').clientHeight >= 90"},
				{"stations do not overlap", `(() => { const r = [...document.querySelectorAll('#stations b')].map(e => e.getBoundingClientRect());
					return r.every((a, i) => i === 0 || r[i - 1].right <= a.left) })()`},
				{"every control has a name", `[...document.querySelectorAll('button, input, textarea')].every(e =>
					e.getAttribute('aria-label') || e.getAttribute('aria-hidden') || e.textContent.trim() || (e.labels && e.labels.length > 0))`},
			} {
				var ok bool
				p.Evaluate(c.expression, &ok)
				require.True(t, ok, c.why)
			}
		})
	}
}

func TestThePageCanBeUsedWithTheKeyboardAlone(t *testing.T) {
	b := browser.Start(t)
	d := startDemo(t, "--nodes", "1")
	p := d.open(b, 0, "keyboard", browser.Device{})
	p.Key("Tab")
	seen := map[string]bool{}
	for range 20 {
		var id string
		p.Evaluate("document.activeElement.id", &id)
		seen[id] = true
		var visible bool
		p.Evaluate("document.activeElement === document.body || document.activeElement.matches(':focus-visible')", &visible)
		require.True(t, visible, "where the focus is can be seen: %s", id)
		p.Key("Tab")
	}
	for _, id := range []string{"room", "logs", "picture", "askpoll", "text", "name"} {
		require.True(t, seen[id], "%s can be reached", id)
	}
	p.Click("#askpoll")
	p.Press("#question", "Escape")
	p.Miss("#poll", "")
	p.See("#text:focus", "")
}
