package browser_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

var picturePath = flag.String("picture", "", "write the README's picture of the demo to this `file`")

// frame puts the screenshots of a laptop and of a phone side by side.
const frame = `<!doctype html><style>
	body {
		background: linear-gradient(150deg, #e9ecf0, #d3d9e0);
		height: 880px; margin: 0; overflow: hidden; position: relative; width: 1560px
	}
	img {
		box-shadow: 0 2px 4px rgb(20 23 26 / 12%), 0 24px 60px rgb(20 23 26 / 24%);
		display: block; position: absolute
	}
	.laptop { left: 44px; top: 44px; width: 1136px; border-radius: 12px }
	.phone { right: 44px; bottom: 72px; width: 284px; border-radius: 30px; border: 8px solid #0b0d0f }
</style><img class="laptop" src="laptop.png"><img class="phone" src="phone.png">`

// TestPicture takes the picture at the beginning of the README. It is skipped unless "make picture" runs it.
func TestPicture(t *testing.T) {
	if *picturePath == "" {
		t.Skip("needs the flag -picture: make picture")
	}
	b := browser.Start(t)
	d := startDemoAt(t, "127.0.0.1:3000")
	laptop := d.open(b, 0, "laptop", browser.Device{Width: 1240, Height: 864, Scale: 2})
	desktop := d.open(b, 1, "desktop", browser.Device{})
	phone := d.open(b, 2, "phone", browser.Device{Width: 372, Height: 800, Scale: 2, Touch: true, Dark: true})
	tablet := d.open(b, 2, "tablet", browser.Device{})

	desktop.Enter("#room", "release")
	tablet.Click("#rooms button >> text=release")
	phone.Enter("#room", "hills")
	for _, p := range []*browser.Page{desktop, tablet, phone} {
		p.Click("#rooms button >> text=Everyone")
	}
	say := func(p *browser.Page, text string) {
		p.Enter("#text", text)
		for _, other := range []*browser.Page{laptop, phone} {
			other.See("#logs .text", text)
		}
	}
	phone.Choose("#file", painting(t))
	laptop.Until("document.querySelector('figure img')?.naturalWidth > 0")
	say(phone, "Greetings from 3002.")
	laptop.Click("#askpoll")
	laptop.Enter("#question", "Shall we release today?")
	for _, p := range []*browser.Page{desktop, phone} {
		p.Click(".choices button >> text=Yes")
		p.See(".card .status", "You answered")
	}
	laptop.See(".card .status", "2 of 3")
	tablet.Evaluate("void setInterval(() => chat.socket.emit('typing', {}), 200)", nil)
	laptop.See("#typing", "tablet is typing")
	say(desktop, "Then let us do it.")
	freezeRates(laptop, phone)
	laptop.Click("#current") // moves the pointer away from the buttons
	phone.Evaluate("document.querySelector('.rooms').scrollTo(0, 0)", nil)
	laptop.Until("document.querySelectorAll('#arcs g').length >= 4 && !document.querySelector('#arcs g circle')")

	folder := t.TempDir()
	laptop.ScreenshotTo(filepath.Join(folder, "laptop.png"))
	phone.ScreenshotTo(filepath.Join(folder, "phone.png"))
	page := filepath.Join(folder, "frame.html")
	require.NoError(t, os.WriteFile(page, []byte(frame), 0o600))
	both := b.Open("frame", "file://"+page, browser.Device{Width: 1560, Height: 880})
	both.Until("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
	require.NoError(t, os.MkdirAll(filepath.Dir(*picturePath), 0o755))
	both.ScreenshotTo(*picturePath)
}
