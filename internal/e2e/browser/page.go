package browser

import (
	"os"
	"path/filepath"
	"slices"
)

// Device is what a page is looked at with. The zero Device is a laptop, in daylight.
type Device struct {
	Width, Height int  // of the page in CSS pixels; default 1440 by 900
	Scale         int  // pixels per CSS pixel; default 1
	Touch         bool // it has a touch screen and no mouse
	Dark          bool // its user prefers dark colours
	Still         bool // its user prefers reduced motion
	NoWebSocket   bool // something on the way lets no WebSocket through
}

// Phone is a small device with a touch screen.
var Phone = Device{Width: 390, Height: 844, Scale: 2, Touch: true}

func (d Device) withDefaults() Device {
	if d.Width == 0 {
		d.Width, d.Height = 1440, 900
	}
	return d
}

// Page is a page in a browser: each has cookies and storage of its own.
type Page struct {
	b    *Browser
	name string
	id   int
}

// Open opens a page; its name is what complaints and screenshots call it.
func (b *Browser) Open(name, url string, d Device) *Page {
	b.t.Helper()
	d = d.withDefaults()
	p := &Page{b: b, name: name}
	b.call("open", map[string]any{"name": name, "url": url, "width": d.Width, "height": d.Height, "scale": max(d.Scale, 1),
		"touch": d.Touch, "dark": d.Dark, "still": d.Still, "noWebSocket": d.NoWebSocket}, &p.id)
	b.pages = append(b.pages, p)
	return p
}

// Turn makes the page's device another one: its size and its colours, not what it is made of.
func (p *Page) Turn(d Device) {
	p.b.t.Helper()
	d = d.withDefaults()
	p.b.call("turn", map[string]any{"page": p.id, "width": d.Width, "height": d.Height, "dark": d.Dark}, nil)
}

// Close closes the page, and fails the test if it complained about anything. It is closed with the test at the latest.
func (p *Page) Close() {
	p.b.t.Helper()
	p.b.pages = slices.DeleteFunc(p.b.pages, func(other *Page) bool { return other == p })
	var complaints []string
	if err := p.b.try("shut", map[string]any{"page": p.id}, &complaints); err != nil {
		p.b.t.Error(err)
	}
	for _, c := range complaints {
		p.b.t.Error(c)
	}
}

// do acts on the first element that the selector finds, once it is there and can be acted on.
func (p *Page) do(method, selector string, args ...any) {
	p.b.t.Helper()
	p.b.call("do", map[string]any{"page": p.id, "method": method, "selector": selector, "args": args}, nil)
}

// Click clicks, or taps.
func (p *Page) Click(selector string) { p.b.t.Helper(); p.do("click", selector) }

// Fill replaces what is in a field.
func (p *Page) Fill(selector, text string) { p.b.t.Helper(); p.do("fill", selector, text) }

// Press presses a key, such as "Enter".
func (p *Page) Press(selector, key string) { p.b.t.Helper(); p.do("press", selector, key) }

// Key presses a key wherever the focus is.
func (p *Page) Key(key string) {
	p.b.t.Helper()
	p.b.call("key", map[string]any{"page": p.id, "key": key}, nil)
}

// Choose chooses a file in a file field, which may be hidden.
func (p *Page) Choose(selector, path string) { p.b.t.Helper(); p.do("setInputFiles", selector, path) }

// Enter fills a field and presses Enter.
func (p *Page) Enter(selector, text string) {
	p.b.t.Helper()
	p.Fill(selector, text)
	p.Press(selector, "Enter")
}

// Drag holds a file of that type over an element, and Drop lets go of it there.
func (p *Page) Drag(selector, path, kind string) {
	p.b.t.Helper()
	p.drag("drag", selector, path, kind)
}

// Drop drops a file of that type on an element.
func (p *Page) Drop(selector, path, kind string) {
	p.b.t.Helper()
	p.drag("drop", selector, path, kind)
}

func (p *Page) drag(command, selector, path, kind string) {
	p.b.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		p.b.t.Fatal(err)
	}
	p.b.call(command, map[string]any{"page": p.id, "selector": selector, "name": filepath.Base(path), "kind": kind, "data": data}, nil)
}

// See waits until the selector finds a visible element with that text in it.
func (p *Page) See(selector, text string) {
	p.b.t.Helper()
	p.b.call("see", map[string]any{"page": p.id, "selector": selector, "text": text}, nil)
}

// Miss waits until the selector finds no visible element with that text in it.
func (p *Page) Miss(selector, text string) {
	p.b.t.Helper()
	p.b.call("miss", map[string]any{"page": p.id, "selector": selector, "text": text}, nil)
}

// Count returns how many elements the selector finds.
func (p *Page) Count(selector string) (n int) {
	p.b.t.Helper()
	p.b.call("count", map[string]any{"page": p.id, "selector": selector}, &n)
	return n
}

// Evaluate runs JavaScript in the page and decodes its result.
func (p *Page) Evaluate(expression string, out any) {
	p.b.t.Helper()
	p.b.call("evaluate", map[string]any{"page": p.id, "expression": expression}, out)
}

// Until waits until a JavaScript expression is true.
func (p *Page) Until(expression string) {
	p.b.t.Helper()
	p.b.call("until", map[string]any{"page": p.id, "expression": expression}, nil)
}

// Shoot leaves a screenshot in Screenshots.
func (p *Page) Shoot(name string) {
	p.b.t.Helper()
	if err := os.MkdirAll(Screenshots(), 0o755); err != nil {
		p.b.t.Fatal(err)
	}
	p.ShootTo(filepath.Join(Screenshots(), name+".png"))
}

// ShootTo writes a screenshot to a file.
func (p *Page) ShootTo(path string) {
	p.b.t.Helper()
	p.b.call("shoot", map[string]any{"page": p.id, "path": path}, nil)
}
