/** The plots of a report beside each other in one picture. */
import type { CheckView } from '../../../src/protocol.ts';
import { resolveColour } from '../../lib/colour.ts';
import { pngOf } from '../../lib/picture.ts';
import { t } from '../../l10n/index.ts';
import { addNotice, ask } from '../../state/host.ts';

const margin = 16;
const titleHeight = 26;

/** As they are drawn now, in the colours of the theme. */
export async function savePlots(view: CheckView): Promise<void> {
  const plots = [...document.querySelectorAll<HTMLElement>('.check-plot')].flatMap((element) => {
    const canvas = element.querySelector('canvas');
    return canvas === null ? [] : [{ canvas, title: element.dataset['title'] ?? '' }];
  });
  if (plots.length === 0) return;
  const scale = devicePixelRatio;
  const gap = margin * scale;
  const top = 2 * titleHeight * scale;
  const width = plots.reduce((sum, p) => sum + p.canvas.width + gap, gap);
  const height = Math.max(...plots.map((p) => p.canvas.height)) + top + gap;
  const picture = new OffscreenCanvas(width, height);
  const context = picture.getContext('2d');
  if (context === null) throw new Error('no canvas');
  context.fillStyle = resolveColour('var(--surface)');
  context.fillRect(0, 0, width, height);
  context.fillStyle = resolveColour('var(--vscode-foreground)');
  const font = getComputedStyle(document.body).fontFamily;
  context.font = `600 ${13 * scale}px ${font}`;
  context.fillText(`${view.title} · ${view.ep} · ${view.data}`, gap, titleHeight * scale * 0.8);
  context.font = `${12 * scale}px ${font}`;
  let x = gap;
  for (const { canvas, title } of plots) {
    context.fillText(title, x, titleHeight * scale * 1.7);
    context.drawImage(canvas, x, top);
    x += canvas.width + gap;
  }
  const data = await pngOf(picture);
  const isSaved = await ask('failed.picture', (h) => h.savePicture({ kind: 'png', data }));
  if (isSaved === true) addNotice('info', t('graph.saved'));
}
