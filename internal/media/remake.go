package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/bbrks/go-blurhash"
	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// remade is a picture as it will be kept.
type remade struct {
	Picture
	ending       string
	large, small []byte // small is nil where the large one is small enough
}

// format is one way in which pictures come.
type format struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	facts  func([]byte) facts
}

// facts are what is known of a picture beyond its size.
type facts struct {
	orientation int // as in EXIF: 1 to 8
	perPixel    int // bytes of memory beyond the picture itself
}

// formatOf tells a picture's format by how it begins. SVG is none: it is a
// program.
func formatOf(data []byte) (format, bool) {
	begins := func(s string) bool { return bytes.HasPrefix(data, []byte(s)) }
	switch {
	case begins("\xff\xd8\xff"):
		return format{jpeg.DecodeConfig, jpeg.Decode, jpegFacts}, true
	case begins("\x89PNG\r\n\x1a\n"):
		return format{png.DecodeConfig, png.Decode, pngFacts}, true
	case begins("GIF87a"), begins("GIF89a"):
		return format{gif.DecodeConfig, gif.Decode, func([]byte) facts { return facts{orientation: 1} }}, true
	case begins("RIFF") && len(data) > 12 && string(data[8:12]) == "WEBP":
		return format{webp.DecodeConfig, webp.Decode, webpFacts}, true
	}
	return format{}, false
}

// remake decodes a picture and makes ours of it. What it would take is known, and
// waited for, before a pixel is read.
func (s *Store) remake(ctx context.Context, data []byte) (*remade, error) {
	f, ok := formatOf(data)
	if !ok {
		return nil, ErrKind
	}
	config, err := f.config(bytes.NewReader(data))
	if err != nil {
		return nil, broken(err)
	}
	w, h := int64(config.Width), int64(config.Height)
	if w < 1 || h < 1 {
		return nil, ErrBroken
	}
	if w > MaxPixels || h > MaxPixels || w*h > MaxPixels {
		return nil, ErrPixels
	}
	known := f.facts(data)
	need := w*h*int64(perPixel(config.ColorModel)+known.perPixel) + 4*MaxSide*MaxSide
	if need > memory {
		return nil, ErrPixels
	}
	if err := s.turns.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer s.turns.Release(1)
	if err := s.decode.Acquire(ctx, need); err != nil {
		return nil, err
	}
	defer s.decode.Release(need)

	img, err := decode(f, data)
	if err != nil {
		return nil, broken(err)
	}
	if img.Bounds().Dx() > int(w) || img.Bounds().Dy() > int(h) {
		return nil, ErrBroken
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return encode(upright(shrink(img, MaxSide, MaxSide), known.orientation))
}

// decode holds a decoder to an error, whatever it was given.
func decode(f format, data []byte) (img image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			img, err = nil, fmt.Errorf("the decoder gave up: %v", p)
		}
	}()
	return f.decode(bytes.NewReader(data))
}

func broken(err error) error { return fmt.Errorf("%w: %w", ErrBroken, err) }

// perPixel is what a decoded pixel of a colour model takes at most.
func perPixel(m color.Model) int {
	switch m {
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	case color.GrayModel, color.AlphaModel:
		return 1
	case color.Gray16Model, color.Alpha16Model:
		return 2
	case color.YCbCrModel:
		return 3
	case color.NYCbCrAModel:
		return 8 // the alpha is decoded as a picture of four bytes first
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 4
}

// upright turns a picture as its camera was held.
func upright(img image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return img
	}
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	src := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(src, src.Bounds(), img, b.Min, draw.Src)
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			var tx, ty int
			switch orientation {
			case 2:
				tx, ty = w-1-x, y
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				tx, ty = x, h-1-y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			copy(out.Pix[out.PixOffset(tx, ty):][:4], src.Pix[src.PixOffset(x, y):][:4])
		}
	}
	return out
}

// encode writes a picture, its small copy and its blurhash.
func encode(img image.Image) (*remade, error) {
	out := &remade{Picture: Picture{Type: "image/jpeg", Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}, ending: ".jpg"}
	write := func(w io.Writer, img image.Image) error { return jpeg.Encode(w, img, &jpeg.Options{Quality: quality}) }
	if o, ok := img.(interface{ Opaque() bool }); !ok || !o.Opaque() {
		out.Type, out.ending = "image/png", ".png"
		write = png.Encode
	}
	var large bytes.Buffer
	if err := write(&large, img); err != nil {
		return nil, err
	}
	out.large = large.Bytes()
	thumb := shrink(img, SmallWide, MaxSide)
	if thumb != img {
		var small bytes.Buffer
		if err := write(&small, thumb); err != nil {
			return nil, err
		}
		out.small = small.Bytes()
	}
	var err error
	out.Blurhash, err = blur(thumb)
	return out, err
}

// blur gives the few colours that are shown until a picture has come.
func blur(img image.Image) (string, error) {
	img = shrink(img, 32, 32)
	flat := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(flat, flat.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Over)
	x, y := 4, 3
	if flat.Bounds().Dy() > flat.Bounds().Dx() {
		x, y = 3, 4
	}
	hash, err := blurhash.Encode(x, y, flat)
	if err != nil {
		return "", errors.Join(errors.New("blurhash"), err)
	}
	return hash, nil
}
