package media

import (
	"image"

	"golang.org/x/image/draw"
)

// shrink makes a picture fit, and gives back one that does as it is. Each pixel
// of the result is the mean of the area that it stands for. It takes a few rows
// of memory beyond the result, where scaling by a kernel takes many times the
// picture.
func shrink(img image.Image, maxWidth, maxHeight int) image.Image {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if w <= maxWidth && h <= maxHeight {
		return img
	}
	nw, nh := maxWidth, max(1, (h*maxWidth+w/2)/w)
	if nh > maxHeight {
		nw, nh = max(1, (w*maxHeight+h/2)/h), maxHeight
	}
	nw, nh = min(nw, w), min(nh, h)

	out := image.NewRGBA(image.Rect(0, 0, nw, nh))
	columns := shares(w, nw)
	rows := shares(h, nh)
	band := image.NewRGBA(image.Rect(0, 0, w, min(h, 32)))
	line, sum := make([]float32, 4*nw), make([]float32, 4*nw)
	for y := range h {
		in := y % band.Rect.Dy()
		if in == 0 {
			draw.Draw(band, band.Rect, img, image.Pt(b.Min.X, b.Min.Y+y), draw.Src)
		}
		across(line, band.Pix[in*band.Stride:][:4*w], columns)
		s := rows[y]
		for i, v := range line {
			sum[i] += v * s.first
		}
		if s.second == 0 && y+1 < h && rows[y+1].to == s.to {
			continue
		}
		finish(out.Pix[s.to*out.Stride:][:4*nw], sum)
		for i, v := range line {
			sum[i] = v * s.second
		}
	}
	return out
}

// share says to which of the fewer lines one line goes, and what part of it;
// second is what the line after that gets.
type share struct {
	to            int
	first, second float32
}

// shares spreads n lines over m, m not being more.
func shares(n, m int) []share {
	out := make([]share, n)
	part := float32(m) / float32(n)
	for i := range out {
		// In units of 1/n: line i covers [i*m, (i+1)*m), the j-th of the fewer [j*n, (j+1)*n).
		to := i * m / n
		over := (i+1)*m - (to+1)*n
		if over <= 0 || to+1 == m {
			out[i] = share{to: to, first: part}
			continue
		}
		second := float32(over) / float32(n)
		out[i] = share{to, part - second, second}
	}
	return out
}

// across shrinks one row.
func across(line []float32, pix []uint8, columns []share) {
	clear(line)
	for x, s := range columns {
		p := pix[4*x : 4*x+4 : 4*x+4]
		r, g, b, a := float32(p[0]), float32(p[1]), float32(p[2]), float32(p[3])
		to := line[4*s.to : 4*s.to+4 : 4*s.to+4]
		to[0] += r * s.first
		to[1] += g * s.first
		to[2] += b * s.first
		to[3] += a * s.first
		if s.second > 0 {
			to = line[4*s.to+4 : 4*s.to+8 : 4*s.to+8]
			to[0] += r * s.second
			to[1] += g * s.second
			to[2] += b * s.second
			to[3] += a * s.second
		}
	}
}

// finish writes one row of the result.
func finish(pix []uint8, sum []float32) {
	for i, v := range sum {
		pix[i] = uint8(min(v+0.5, 255))
	}
}
