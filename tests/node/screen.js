// A terminal of other people's making, for comparison: reads {cols, rows, streams} (base64) from a file and prints what
// it shows after each stream.
import fs from 'node:fs'
import addon from '@xterm/addon-unicode11'
import headless from '@xterm/headless'

const ATTRIBUTES = ['isBold', 'isDim', 'isItalic', 'isUnderline', 'isBlink', 'isInverse', 'isInvisible', 'isStrikethrough', 'isOverline']

function color (cell, which) {
  if (cell[`is${which}Default`]()) return -1
  const value = cell[`get${which}Color`]()
  return cell[`is${which}RGB`]() ? `#${value.toString(16).padStart(6, '0')}` : value
}

function rows (terminal, buffer) {
  return Array.from({ length: terminal.rows }, (_, y) => {
    const line = buffer.getLine(buffer.baseY + y)
    return Array.from({ length: terminal.cols }, (_, x) => {
      const cell = line.getCell(x)
      return [cell.getChars() || (cell.getWidth() ? ' ' : ''), cell.getWidth(), color(cell, 'Fg'), color(cell, 'Bg'),
        ATTRIBUTES.filter(name => cell[name]()).join()]
    })
  })
}

async function show ({ cols, rows: count }, stream) {
  const terminal = new headless.Terminal({ cols, rows: count, allowProposedApi: true, scrollback: 1000 })
  terminal.loadAddon(new addon.Unicode11Addon())
  terminal.unicode.activeVersion = '11'
  let title = ''
  terminal.onTitleChange(text => { title = text })
  await new Promise(resolve => terminal.write(Buffer.from(stream, 'base64'), resolve))
  const { active, normal } = terminal.buffer
  const { sendFocusMode, synchronizedOutputMode, ...modes } = terminal.modes
  return { type: active.type, rows: rows(terminal, active), below: rows(terminal, normal), x: active.cursorX, y: active.cursorY, modes, title }
}

async function main () {
  const asked = JSON.parse(fs.readFileSync(process.argv[2]))
  const shown = []
  for (const stream of asked.streams) shown.push(await show(asked, stream))
  console.log(JSON.stringify(shown))
}

main()
