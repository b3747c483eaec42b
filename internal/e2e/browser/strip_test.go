package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

func aNodeThatStopsIsShownAsGone(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	laptop := d.open(b, 0, "laptop", still)
	phone := d.open(b, 1, "phone", browser.Device{Width: 390, Height: 844, Scale: 2, Touch: true, Dark: true, Still: true})
	laptop.See("#nodes li", "phone")
	phone.Enter("#room", "red")
	laptop.See("#nodes section:has-text('"+d.name(1)+"') li", "red")
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

func theStripDrawsDeliveries(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	one := d.open(b, 0, "one", browser.Device{})
	calm := d.open(b, 1, "calm", still)
	d.open(b, 2, "three", still)
	one.See("#nodes li", "three")
	calm.See("#nodes li", "three")
	one.See("#last", "no deliveries yet")
	one.Evaluate("void (window.talk = setInterval(() => chat.socket.emit('chat message', { text: 'hello' }), 200))", nil)
	for _, p := range []*browser.Page{one, calm} {
		p.Until("document.querySelectorAll('#arcs g').length === 2") // to the other nodes
		p.Until("document.getElementById('last').textContent.startsWith('" + d.name(0) + " → ') && document.getElementById('last').textContent.includes('" + d.name(2) + "')")
		p.Until("Number(document.getElementById('rate').textContent) > 0")
	}
	require.Zero(t, calm.Count("#arcs g circle"), "nothing moves for who does not want it")
	one.Evaluate("clearInterval(window.talk)", nil)
	one.Until("document.querySelectorAll('#arcs g').length === 0") // they fade
	one.Until("document.getElementById('rate').textContent === '0'")
}

func thePageFitsItsDevice(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "6")
	author := d.open(b, 1, "author", still)
	computer, phone := d.open(b, 0, "computer", still), d.open(b, 2, "phone", browser.Phone)
	author.Choose("#file", painting(t))
	author.Enter("#text", "This is the valley, this morning.")
	for _, p := range []*browser.Page{computer, phone} {
		p.Until("document.querySelector('figure img')?.naturalWidth > 0")
		p.See(".theirs .text", "This is the valley")
		p.Enter("#text", "A message of some length, which has to be broken into lines on a small screen, and not to run out of it: "+
			"https://example.com/an/address/that/is/one/long/word/and/has/no/place/to/break/at/all")
		p.See(".mine .text", "A message")
	}
	for _, c := range []struct {
		name   string
		on     *browser.Page
		device browser.Device
	}{
		{"laptop", computer, browser.Device{}},
		{"laptop-dark", computer, browser.Device{Dark: true}},
		{"wide", computer, browser.Device{Width: 2200, Height: 1200}},
		{"small-laptop", computer, browser.Device{Width: 1024, Height: 640}},
		{"tablet", computer, browser.Device{Width: 820, Height: 1100}},
		{"phone", phone, browser.Phone},
		{"phone-dark", phone, browser.Device{Width: 390, Height: 844, Dark: true}},
		{"small-phone-dark", phone, browser.Device{Width: 320, Height: 568, Dark: true}},
		{"phone-landscape", phone, browser.Device{Width: 740, Height: 360}},
	} {
		c.on.Turn(c.device)
		c.on.Enter("#text", "This is a "+c.name+".")
		c.on.Until("document.querySelector('#arcs g') !== null")
		c.on.See(".mine .text", "This is a "+c.name)
		c.on.Shoot("fits-" + c.name)
		for why, expression := range fits {
			var ok bool
			c.on.Evaluate(expression, &ok)
			require.True(t, ok, "%s: %s", c.name, why)
		}
	}
}

// fits are expressions that are true on every device.
var fits = map[string]string{
	"nothing scrolls sideways":        "document.documentElement.scrollWidth <= innerWidth && (e => e.scrollWidth <= e.clientWidth)(document.getElementById('logs'))",
	"the page itself does not scroll": "document.documentElement.scrollHeight <= innerHeight",
	"the composer is there": `(r => r.bottom <= innerHeight && r.left >= 0 && r.right <= innerWidth && r.height >= 36)(
		document.querySelector('.send').getBoundingClientRect())`,
	"there is room for messages": "document.getElementById('logs').clientHeight >= 90",
	"stations do not overlap": `['b', 'small'].every(tag => {
		const r = [...document.querySelectorAll('#stations ' + tag)].map(e => e.getBoundingClientRect()).filter(r => r.width > 0);
		return r.every((a, i) => i === 0 || r[i - 1].right <= a.left);
	})`,
	"arcs go from station to station": `(() => {
		const box = document.getElementById('arcs').getBoundingClientRect();
		const at = [...document.querySelectorAll('#stations i')].map(e => e.getBoundingClientRect()).map(r => [r.x + r.width / 2 - box.x, r.y + r.height / 2 - box.y]);
		return [...document.querySelectorAll('#arcs path')].every(path => {
			const d = path.getAttribute('d').match(/[\d.]+/g).map(Number);
			return [d.slice(0, 2), d.slice(-2)].every(([x, y]) => at.some(a => Math.hypot(a[0] - x, a[1] - y) < 3));
		});
	})()`,
	"every control has a name": `[...document.querySelectorAll('button, input, textarea')].every(e =>
		e.getAttribute('aria-label') || e.getAttribute('aria-hidden') || e.textContent.trim() || (e.labels && e.labels.length > 0))`,
	"no words of the strip are cut off": `(strip => [...document.querySelectorAll('.title h1, .title p, .pulse p:first-child, #stations b, #stations small')]
		.filter(e => e.getBoundingClientRect().width > 0).every(e => {
			const r = e.getBoundingClientRect();
			return e.scrollWidth <= e.clientWidth + 1 && r.left >= 0 && r.right <= innerWidth && r.bottom <= strip.bottom;
		}))(document.querySelector('.strip').getBoundingClientRect())`,
	"the hint in the field is seen in full": `(field => {
		const drawing = document.createElement('canvas').getContext('2d'), style = getComputedStyle(field);
		drawing.font = style.font;
		return drawing.measureText(field.placeholder).width <= field.clientWidth - 2 * parseFloat(style.paddingLeft) + 1;
	})(document.getElementById('text'))`,
}

func thePageCanBeUsedWithTheKeyboardAlone(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "1")
	p := d.open(b, 0, "keyboard", still)
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
