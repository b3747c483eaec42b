package browser

import (
	"os"
	"path/filepath"
	"slices"
)

// Device is what a page is shown on. The zero Device is a laptop whose user prefers light colors.
type Device struct {
	Width, Height int  // of the page in CSS pixels; default 1440 by 900
	Scale         int  // device pixels per CSS pixel; default 1
	Touch         bool // it has a touch screen and no mouse
	Dark          bool // its user prefers dark colors
	ReducedMotion bool // its user prefers reduced motion
	NoWebSocket   bool // its network does not let WebSockets through
}

// Phone is a small device with a touch screen.
var Phone = Device{Width: 390, Height: 844, Scale: 2, Touch: true}

func (d Device) withDefaults() Device {
	if d.Width == 0 {
		d.Width, d.Height = 1440, 900
	}
	return d
}

// Page is a page in a browser. Each page has its own cookies and storage.
type Page struct {
	b    *Browser
	name string
	id   int
}

// Open opens a page. Its name is used in error messages.
func (b *Browser) Open(name, url string, d Device) *Page {
	b.t.Helper()
	d = d.withDefaults()
	p := &Page{b: b, name: name}
	b.call("open", map[string]any{
		"name": name, "url": url, "width": d.Width, "height": d.Height, "scale": max(d.Scale, 1), "touch": d.Touch,
		"dark": d.Dark, "reducedMotion": d.ReducedMotion, "noWebSocket": d.NoWebSocket,
	}, &p.id)
	b.pages = append(b.pages, p)
	return p
}

// call runs a command of browser.js on this page.
func (p *Page) call(name string, in map[string]any, out any) {
	p.b.t.Helper()
	all := map[string]any{"page": p.id}
	for key, value := range in {
		all[key] = value
	}
	p.b.call(name, all, out)
}

// Emulate gives the page the size and the color scheme of another device.
func (p *Page) Emulate(d Device) {
	p.b.t.Helper()
	d = d.withDefaults()
	p.call("emulate", map[string]any{"width": d.Width, "height": d.Height, "dark": d.Dark}, nil)
}

// SetOffline takes the page's network away, or gives it back.
func (p *Page) SetOffline(offline bool) {
	p.b.t.Helper()
	p.call("setOffline", map[string]any{"offline": offline}, nil)
}

// Close closes the page, and fails the test if the page has reported an error. It is called at the end of the test too.
func (p *Page) Close() {
	p.b.t.Helper()
	p.b.pages = slices.DeleteFunc(p.b.pages, func(other *Page) bool { return other == p })
	var problems []string
	if err := p.b.try("closePage", map[string]any{"page": p.id}, &problems); err != nil {
		p.b.t.Error(err)
	}
	for _, problem := range problems {
		p.b.t.Error(problem)
	}
}

// locate calls a method of the first element that the selector finds, as soon as the element is ready for it.
func (p *Page) locate(method, selector string, args ...any) {
	p.b.t.Helper()
	p.call("locate", map[string]any{"method": method, "selector": selector, "args": args}, nil)
}

// Click clicks an element. It fails if something covers the element.
func (p *Page) Click(selector string) { p.b.t.Helper(); p.locate("click", selector) }

// Tap taps an element on a touch screen. It fails if something covers the element.
func (p *Page) Tap(selector string) { p.b.t.Helper(); p.locate("tap", selector) }

// Focus moves the focus to an element.
func (p *Page) Focus(selector string) { p.b.t.Helper(); p.locate("focus", selector) }

// Fill replaces the text of a field.
func (p *Page) Fill(selector, text string) { p.b.t.Helper(); p.locate("fill", selector, text) }

// Press focuses an element and presses a key, such as "Enter".
func (p *Page) Press(selector, key string) { p.b.t.Helper(); p.locate("press", selector, key) }

// PressKey presses a key wherever the focus is.
func (p *Page) PressKey(key string) {
	p.b.t.Helper()
	p.call("pressKey", map[string]any{"key": key}, nil)
}

// MouseDown presses the mouse button on an element, and MouseUp releases it.
func (p *Page) MouseDown(selector string) {
	p.b.t.Helper()
	p.call("mouseDown", map[string]any{"selector": selector}, nil)
}

// MouseUp releases the mouse button.
func (p *Page) MouseUp() {
	p.b.t.Helper()
	p.call("mouseUp", nil, nil)
}

// Choose chooses a file in a file field, which may be hidden.
func (p *Page) Choose(selector, path string) {
	p.b.t.Helper()
	p.locate("setInputFiles", selector, path)
}

// Enter fills a field and presses Enter.
func (p *Page) Enter(selector, text string) {
	p.b.t.Helper()
	p.Fill(selector, text)
	p.Press(selector, "Enter")
}

// Drag holds a file of a MIME type over an element.
func (p *Page) Drag(selector, path, kind string) {
	p.b.t.Helper()
	p.dragAndDrop("drag", selector, path, kind)
}

// DragOut moves the file away from the element again.
func (p *Page) DragOut(selector, path, kind string) {
	p.b.t.Helper()
	p.dragAndDrop("dragOut", selector, path, kind)
}

// Drop drops a file of a MIME type on an element.
func (p *Page) Drop(selector, path, kind string) {
	p.b.t.Helper()
	p.dragAndDrop("drop", selector, path, kind)
}

func (p *Page) dragAndDrop(command, selector, path, kind string) {
	p.b.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		p.b.t.Fatal(err)
	}
	p.call(command, map[string]any{"selector": selector, "name": filepath.Base(path), "kind": kind, "data": data}, nil)
}

// See waits until the selector finds a visible element that contains the text.
func (p *Page) See(selector, text string) {
	p.b.t.Helper()
	p.call("see", map[string]any{"selector": selector, "text": text}, nil)
}

// NotSee waits until the selector finds no visible element that contains the text.
func (p *Page) NotSee(selector, text string) {
	p.b.t.Helper()
	p.call("notSee", map[string]any{"selector": selector, "text": text}, nil)
}

// Count returns how many elements the selector finds.
func (p *Page) Count(selector string) (n int) {
	p.b.t.Helper()
	p.call("count", map[string]any{"selector": selector}, &n)
	return n
}

// Evaluate runs JavaScript in the page and decodes its result into out.
func (p *Page) Evaluate(expression string, out any) {
	p.b.t.Helper()
	p.call("evaluate", map[string]any{"expression": expression}, out)
}

// Until waits until a JavaScript expression is true.
func (p *Page) Until(expression string) {
	p.b.t.Helper()
	p.call("until", map[string]any{"expression": expression}, nil)
}

// Violations returns what axe-core objects to: rules of accessibility and the elements that break them.
func (p *Page) Violations() (violations []string) {
	p.b.t.Helper()
	p.call("violations", nil, &violations)
	return violations
}

// Screenshot writes a screenshot to the folder Screenshots.
func (p *Page) Screenshot(name string) {
	p.b.t.Helper()
	if err := os.MkdirAll(Screenshots(), 0o755); err != nil {
		p.b.t.Fatal(err)
	}
	p.ScreenshotTo(filepath.Join(Screenshots(), name+".png"))
}

// ScreenshotTo writes a screenshot to a file.
func (p *Page) ScreenshotTo(path string) {
	p.b.t.Helper()
	p.call("screenshot", map[string]any{"path": path}, nil)
}
