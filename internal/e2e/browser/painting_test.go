package browser_test

import (
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The size of a painting.
const (
	paintingWidth  = 640
	paintingHeight = 360
)

// painting writes a picture of hills at dusk to a temporary file. It is too large for a notification of PostgreSQL.
func painting(t *testing.T) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, paintingWidth, paintingHeight))
	for x := range paintingWidth {
		for y := range paintingHeight {
			img.Set(x, y, sky(x, y))
		}
		for i, hill := range hills {
			ridge := hill.ridge(float64(x))
			for y := int(ridge); y < paintingHeight; y++ {
				cover := min(1, float64(y)+1-ridge)                // a smooth edge
				mist := min(1, max(0, (float64(y)-ridge)/160)) / 2 // a bright valley
				img.Set(x, y, mix(img.RGBAAt(x, y), mix(hill.color, haze, mist*(1-float64(i)/4)), cover))
			}
		}
	}
	path := filepath.Join(t.TempDir(), "painting.png")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, png.Encode(f, img))
	info, err := f.Stat()
	require.NoError(t, err)
	require.Greater(t, info.Size(), int64(8000))
	return path
}

var (
	zenith  = color.RGBA{38, 54, 92, 255}
	horizon = color.RGBA{247, 178, 128, 255}
	sun     = color.RGBA{255, 233, 196, 255}
	haze    = color.RGBA{226, 164, 140, 255}
)

func sky(x, y int) color.RGBA {
	c := mix(zenith, horizon, min(1, float64(y)/230))
	far := math.Hypot(float64(x)-430, float64(y)-150)
	c = mix(c, sun, 0.55*math.Exp(-far/70))
	return mix(c, sun, min(1, max(0, 27-far)))
}

// hill is a range of hills: a color, and the waves that add up to its ridge.
type hill struct {
	color             color.RGBA
	base, height, far float64
}

var hills = []hill{
	{color.RGBA{150, 104, 124, 255}, 205, 26, 1},
	{color.RGBA{104, 78, 112, 255}, 238, 30, 2.3},
	{color.RGBA{62, 58, 92, 255}, 274, 34, 4.1},
	{color.RGBA{28, 36, 60, 255}, 318, 28, 6.6},
}

func (h hill) ridge(x float64) float64 {
	return h.base - h.height*(math.Sin(x/97+h.far*3)+0.5*math.Sin(x/41+h.far*7)+0.22*math.Sin(x/17+h.far*11))
}

// mix blends two colors. part is the share of b, from 0 to 1.
func mix(a, b color.RGBA, part float64) color.RGBA {
	blend := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + (float64(b)-float64(a))*part)) }
	return color.RGBA{blend(a.R, b.R), blend(a.G, b.G), blend(a.B, b.B), 255}
}
