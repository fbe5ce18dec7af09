/** The graph as it is opened and coloured, in a file. */
import { addNotice, ask } from '../../state/host.ts';
import { pngOf } from '../../lib/picture.ts';
import { t } from '../../l10n/index.ts';
import { model } from '../../state/store.ts';
import { draw, type Drawing } from './draw.ts';
import { currentDrawing } from './drawing.ts';
import { CanvasPen, SvgPen } from './pen.ts';

/** Browsers draw nothing on larger canvases. */
const mostSide = 16_000;
const mostPixels = 100e6;
const wantedScale = 2;

/** All of it, without what only the cursor shows. */
function whole(drawing: Drawing): Drawing {
  const marks = {
    chosen: new Set<string>(),
    at: undefined,
    found: new Set<string>(),
    ways: [],
    isFollowed: false,
  };
  return { ...drawing, clip: drawing.scene.root, scale: 1, marks };
}

export async function savePicture(kind: 'svg' | 'png'): Promise<void> {
  const current = currentDrawing();
  if (current === undefined) return;
  const data = kind === 'svg' ? svgOf(whole(current)) : await pictureOf(whole(current));
  const isSaved = await ask('failed.picture', (h) => h.savePicture({ kind, data }));
  if (isSaved === true) addNotice('info', t('graph.saved'));
}

function svgOf(drawing: Drawing): string {
  const pen = new SvgPen();
  draw(pen, drawing);
  return pen.finish(drawing.clip, drawing.palette.surface, model.peek()?.fileName ?? '');
}

/** Base64. Smaller than twice the size where that would be too large to draw. */
async function pictureOf(drawing: Drawing): Promise<string> {
  const { width, height } = drawing.clip;
  const scale = Math.min(
    wantedScale,
    mostSide / Math.max(width, height),
    Math.sqrt(mostPixels / (width * height)),
  );
  const canvas = new OffscreenCanvas(Math.ceil(width * scale), Math.ceil(height * scale));
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('no canvas');
  context.fillStyle = drawing.palette.surface;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(scale, scale);
  draw(new CanvasPen(context, getComputedStyle(document.body).fontFamily), { ...drawing, scale });
  return pngOf(canvas);
}
