// Brings the few files that others made into static/vendor, from exact npm
// versions, with their licences and a list of checksums. The result is
// committed: building Viche needs neither node nor the network.
//
//   node web/vendor.mjs          fetch again and write the files
//   node web/vendor.mjs --check  fail if a committed file differs from its checksum
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const inter = { name: '@fontsource-variable/inter', version: '5.3.0' }
const lucide = { name: 'lucide-static', version: '1.62.0' }

// Icons by Lucide's name; those of spheres get the sphere's own name.
const icons = `
  arrow-down arrow-left arrow-right arrow-up at-sign badge-check ban bell book-open bookmark calculator calendar calendar-plus chart-bar check
  chevron-down chevron-left chevron-right chevron-up circle-alert circle-check circle-help clock download ellipsis
  external-link eye eye-off file-text flag globe hand-heart hash heart history hourglass house image info key-round languages
  layout-grid lightbulb link list lock log-in log-out mail map-pin megaphone menu message-circle minus paperclip pencil
  phone pin plus printer qr-code quote repeat-2 reply rss scale search send settings share-2 shield-check star thumbs-down thumbs-up
  trash-2 triangle-alert trophy upload user-check user-plus user-round users volume-x vote x`.trim().split(/\s+/)
const spheres = {
  ecology: 'leaf', social: 'hand-heart', health: 'heart-pulse', safety: 'shield', industry: 'factory', business: 'store',
  investment: 'trending-up', agriculture: 'wheat', education: 'graduation-cap', culture: 'palette', sport: 'medal',
  youth: 'sprout', housing: 'wrench', osbb: 'building-2', energy: 'lightbulb', transport: 'bus', it: 'cpu',
  civil: 'handshake', government: 'landmark', rights: 'scale',
}

const out = join(fileURLToPath(new URL('.', import.meta.url)), 'static', 'vendor')

if (process.argv.includes('--check')) check()
else fetchAll()

function fetchAll() {
  const work = mkdtempSync(join(tmpdir(), 'viche-vendor-'))
  try {
    rmSync(out, { recursive: true, force: true })
    write(work, inter, (from, to) => {
      for (const part of ['cyrillic', 'latin']) {
        cpSync(join(from, 'files', `inter-${part}-wght-normal.woff2`), join(to, `inter-${part}.woff2`))
      }
    })
    write(work, lucide, (from, to) => writeFileSync(join(to, 'icons.svg'), sprite(join(from, 'icons'))))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function write(work, pkg, copy) {
  execFileSync('npm', ['pack', '--silent', `${pkg.name}@${pkg.version}`], { cwd: work })
  const tar = readdirSync(work).find((f) => f.endsWith('.tgz'))
  execFileSync('tar', ['xzf', tar], { cwd: work })
  const from = join(work, 'package')
  const to = join(out, `${pkg.name.split('/').pop()}-${pkg.version}`)
  mkdirSync(to, { recursive: true })
  copy(from, to)
  cpSync(join(from, 'LICENSE'), join(to, 'LICENSE'))
  const list = readdirSync(to).sort().map((f) => `${sha256(join(to, f))}  ${f}\n`).join('')
  writeFileSync(join(to, 'SHA256SUMS'), list)
  rmSync(from, { recursive: true })
  rmSync(join(work, tar))
  console.log(`${pkg.name} ${pkg.version} → ${to}`)
}

// sprite puts single icons into one file, as symbols that pages point at.
function sprite(from) {
  const names = [...icons.map((n) => [n, n]), ...Object.entries(spheres).map(([s, n]) => [`sphere-${s}`, n])]
  const symbols = names.map(([id, name]) => {
    const svg = readFileSync(join(from, `${name}.svg`), 'utf8')
    const inner = svg.slice(svg.indexOf('>', svg.indexOf('<svg')) + 1, svg.lastIndexOf('</svg>')).replace(/\s*\n\s*/g, '')
    return `<symbol id="${id}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${inner}</symbol>`
  })
  return `<!-- Lucide ${lucide.version}, ISC licence -->\n<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join('\n')}\n</svg>\n`
}

function check() {
  let bad = 0
  for (const dir of readdirSync(out)) {
    for (const line of readFileSync(join(out, dir, 'SHA256SUMS'), 'utf8').trim().split('\n')) {
      const [sum, file] = line.split('  ')
      if (sha256(join(out, dir, file)) !== sum) {
        console.error(`${dir}/${file} differs from its checksum`)
        bad++
      }
    }
  }
  if (bad) process.exit(1)
  console.log('vendored files are as listed')
}

function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
