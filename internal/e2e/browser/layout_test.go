package browser_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

func thePageFitsItsDevice(t *testing.T, b *browser.Browser) {
	d := startDemo(t, "--nodes", "6")
	author := d.open(b, 1, "author", still)
	computer, phone := d.open(b, 0, "computer", still), d.open(b, 2, "phone", browser.Phone)
	author.Choose("#file", painting(t))
	author.Enter("#text", "This is the valley, this morning.")
	for _, p := range []*browser.Page{computer, phone} {
		p.Until("document.querySelector('figure img')?.naturalWidth > 0")
		p.See(".theirs .text", "This is the valley")
		p.Enter("#text", "A message of some length, which has to be broken into lines on a small screen: "+
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
		c.on.Emulate(c.device)
		c.on.Enter("#text", "This is a "+c.name+".")
		c.on.Until("document.querySelector('#arcs g') !== null")
		c.on.See(".mine .text", "This is a "+c.name)
		c.on.Screenshot("fits-" + c.name)
		for what, expression := range fits {
			var ok bool
			c.on.Evaluate(expression, &ok)
			require.True(t, ok, "%s: %s", c.name, what)
		}
	}
}

// covered returns the controls with something else on top of them. Those that are scrolled out of sight do not count.
const covered = `[...document.querySelectorAll('button, input:not([type=file]), textarea, a[href]')].filter(e => {
	const r = e.getBoundingClientRect(), x = r.left + r.width / 2, y = r.top + r.height / 2;
	if (!e.checkVisibility({ visibilityProperty: true })) return false;
	for (let box = e; (box = box.parentElement);) {
		const clip = box.getBoundingClientRect();
		const outside = x < clip.left || x > clip.right || y < clip.top || y > clip.bottom;
		if (outside && getComputedStyle(box).overflow !== 'visible') return false;
	}
	return !e.contains(document.elementFromPoint(x, y));
})`

// fits are expressions that are true on every device.
var fits = map[string]string{
	"nothing scrolls sideways": `document.documentElement.scrollWidth <= innerWidth &&
		(e => e.scrollWidth <= e.clientWidth)(document.getElementById('logs'))`,
	"the page itself does not scroll": "document.documentElement.scrollHeight <= innerHeight",
	"the composer is there": `(r => r.bottom <= innerHeight && r.left >= 0 && r.right <= innerWidth && r.height >= 36)(
		document.querySelector('.send').getBoundingClientRect())`,
	"there is room for messages": "document.getElementById('logs').clientHeight >= 90",
	"nothing covers a control":   covered + ".length === 0",
	"links of nodes stay in the header": `(header => [...document.querySelectorAll('#diagram a')]
		.every(a => a.getBoundingClientRect().bottom <= header.bottom))(
		document.querySelector('header').getBoundingClientRect())`,
	"names of nodes do not overlap": `['b', 'small'].every(tag => {
		const r = [...document.querySelectorAll('#diagram ' + tag)].map(e => e.getBoundingClientRect())
			.filter(r => r.width > 0);
		return r.every((a, i) => i === 0 || r[i - 1].right <= a.left);
	})`,
	"arcs go from node to node": `(() => {
		const box = document.getElementById('arcs').getBoundingClientRect();
		const dots = [...document.querySelectorAll('#diagram i')].map(e => e.getBoundingClientRect())
			.map(r => [r.x + r.width / 2 - box.x, r.y + r.height / 2 - box.y]);
		return [...document.querySelectorAll('#arcs path')].every(path => {
			const d = path.getAttribute('d').match(/[\d.]+/g).map(Number);
			return [d.slice(0, 2), d.slice(-2)].every(([x, y]) => dots.some(a => Math.hypot(a[0] - x, a[1] - y) < 3));
		});
	})()`,
	"every control has a name": `[...document.querySelectorAll('button, input, textarea')].every(e =>
		e.getAttribute('aria-label') || e.getAttribute('aria-hidden') || e.hidden || e.textContent.trim() ||
		(e.labels && e.labels.length > 0))`,
	"no words of the header are cut off": `(header => [...document.querySelectorAll(
		'.title h1, .title p, .traffic p:first-child, #diagram b, #diagram small')]
		.filter(e => e.getBoundingClientRect().width > 0).every(e => {
			const r = e.getBoundingClientRect();
			const inside = r.left >= 0 && r.right <= innerWidth && r.bottom <= header.bottom;
			return inside && e.scrollWidth <= e.clientWidth + 1;
		}))(document.querySelector('header').getBoundingClientRect())`,
	"the hint in the field is seen in full": `(field => {
		const drawing = document.createElement('canvas').getContext('2d'), style = getComputedStyle(field);
		drawing.font = style.font;
		const room = field.clientWidth - 2 * parseFloat(style.paddingLeft) + 1;
		return drawing.measureText(field.placeholder).width <= room;
	})(document.getElementById('text'))`,
}

// newestInSight is true when the newest message of the log is visible as a whole and nothing covers it.
const newestInSight = `(() => {
	const logs = document.getElementById('logs').getBoundingClientRect();
	const message = [...document.querySelectorAll('#logs > :not([hidden]) li')].at(-1);
	const r = message.lastElementChild.getBoundingClientRect();
	const inside = [r.top + 2, r.top + r.height / 2, r.bottom - 2]
		.every(y => message.contains(document.elementFromPoint(r.left + r.width / 2, y)));
	return r.top >= logs.top && r.bottom <= logs.bottom && inside;
})()`

func formsHideNoMessage(t *testing.T, b *browser.Browser) {
	d := startDemo(t)
	p := d.open(b, 0, "one", browser.Device{Width: 390, Height: 844, Touch: true, ReducedMotion: true})
	file := painting(t)
	p.Enter("#room", "red")
	for range 12 {
		p.Enter("#text", "a message")
	}
	p.NotSee(".unsent", "")
	for name, device := range layouts {
		p.Emulate(device)
		p.Enter("#text", "newest on a "+name)
		p.See(".mine:not(.unsent) .text", "newest on a "+name)
		p.Until(newestInSight)

		p.Click("#askpoll")
		p.See("#poll", "")
		p.Screenshot("poll-" + name)
		p.Until(newestInSight)
		p.Press("#question", "Escape")

		p.Drag("#chat", file, "image/png")
		p.See(".drop", "it goes to red")
		p.Screenshot("drop-" + name)
		p.Until(newestInSight)
		p.DragOut("#chat", file, "image/png")

		p.Click("#room")
		p.Until(newestInSight)

		// A tap on a room reaches the room, and not a link of the header above.
		p.Tap("#rooms button:has-text('Everyone')")
		p.See("#current", "Everyone")
		p.Tap("#rooms button:has-text('red')")
		p.See("#current", "red")
	}
}
