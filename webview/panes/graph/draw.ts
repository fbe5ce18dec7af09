/** Draws the part of the scene that is seen, in as much detail as can be made out. */
import { formatBytes } from '../../../src/format.ts';
import { shortLabel } from './box-size.ts';
import type { Point } from './layout-level.ts';
import type { FigureOf } from './metrics.ts';
import { heatOf, type Palette } from './palette.ts';
import type { Pen } from './pen.ts';
import { overlaps, type Box, type Placed, type Scene } from './scene.ts';

export interface Drawing {
  readonly scene: Scene;
  readonly palette: Palette;
  readonly figureOf: FigureOf;
  /** What the deepest colour stands for. */
  readonly largest: number;
  /** What is seen of the plane, and how many pixels a unit of it has. */
  readonly clip: Box;
  readonly scale: number;
  /** Layers that the recipe changes. */
  readonly changed: ReadonlySet<string>;
  readonly marks: Marks;
}

export interface Marks {
  readonly chosen: ReadonlySet<string>;
  readonly at: string | undefined;
  readonly found: ReadonlySet<string>;
  /** Ways of the tensors at the cursor, or of the one that is followed. */
  readonly ways: readonly (readonly Point[])[];
  readonly isFollowed: boolean;
}

/** Pixels of the screen per unit: below these, letters, lines and single boxes cannot be made out. */
const detail = { text: 0.42, edges: 0.12, boxes: 0.05 } as const;
const radius = 4;
const headerLetter = 6.2;

export function draw(pen: Pen, drawing: Drawing): void {
  drawContents(pen, drawing, drawing.scene.root);
  const { marks, palette, scale } = drawing;
  const line = Math.max(1.6, 1.2 / scale);
  if (marks.ways.length > 0)
    pen.routes(marks.ways, marks.isFollowed ? palette.followed : palette.focus, line);
  for (const [keys, colour] of [
    [marks.found, palette.found],
    [marks.chosen, palette.focus],
  ] as const)
    for (const key of keys) outline(pen, drawing, key, colour, line);
  if (marks.at !== undefined) outline(pen, drawing, marks.at, palette.focus, line * 1.4);
}

function outline(pen: Pen, { scene, clip }: Drawing, key: string, stroke: string, lineWidth: number): void {
  const placed = scene.byKey.get(key);
  if (placed === undefined || placed === scene.root || !overlaps(placed, clip)) return;
  pen.rect(placed, { stroke, lineWidth, radius });
}

function drawContents(pen: Pen, drawing: Drawing, placed: Placed): void {
  const { scale, palette, clip } = drawing;
  if (scale > detail.edges) {
    pen.routes(placed.ports, palette.border, 1);
    pen.routes(placed.routes, palette.edge, 1.1);
  }
  for (const child of placed.children) if (overlaps(child, clip)) drawPart(pen, drawing, child);
}

function drawPart(pen: Pen, drawing: Drawing, placed: Placed): void {
  const { scale, palette } = drawing;
  if (!placed.isOpen) {
    drawBox(pen, drawing, placed);
    return;
  }
  if (scale < detail.boxes && placed.height * scale < 40) {
    drawBox(pen, drawing, placed);
    return;
  }
  const { grounds } = palette;
  const fill = grounds[Math.min(placed.part.depth, grounds.length) - 1];
  pen.rect(placed, { fill, stroke: palette.border, radius });
  drawContents(pen, drawing, placed);
  if (scale > detail.text) {
    const room = Math.floor((placed.width - 16) / headerLetter);
    const title = `▾ ${placed.part.label} · ${figureText(drawing, placed)}`;
    const text = title.length <= room ? title : `${title.slice(0, Math.max(1, room - 1))}…`;
    pen.text({ x: placed.x + 8, y: placed.y + 14 }, text, { colour: palette.muted, size: 11.5 });
  }
}

function drawBox(pen: Pen, drawing: Drawing, placed: Placed): void {
  const { palette, scale, figureOf, largest, changed } = drawing;
  const { part, x, y, width, height } = placed;
  const isTerminal = part.kind === 'input' || part.kind === 'output';
  const fill = isTerminal ? palette.surface : heatOf(palette, figureOf(part).value, largest);
  if (scale < detail.edges) {
    pen.rect(placed, { fill: isTerminal ? palette.muted : fill });
    return;
  }
  pen.rect(placed, {
    fill,
    stroke: palette.border,
    radius: isTerminal ? height / 2 : radius,
    ...(part.children.length > 0 ? { lineWidth: 1.6 } : {}),
  });
  if (part.layerId !== undefined && changed.has(part.layerId))
    pen.rect({ x, y: y + 3, width: 4, height: height - 6 }, { fill: palette.changed });
  if (scale < detail.text) return;
  const middle = { x: x + width / 2, y: y + height / 2 };
  const label = shortLabel(part.label);
  const style = { colour: palette.text, isCentred: true } as const;
  if (isTerminal) {
    pen.text(middle, label, { ...style, size: 11.5 });
    return;
  }
  const title = part.children.length > 0 ? `▸ ${label}` : label;
  pen.text({ ...middle, y: y + 12.5 }, title, { ...style, size: 12, isBold: true });
  const words = [part.opType, figureText(drawing, placed)].filter((w) => w !== '').join(' · ');
  pen.text({ ...middle, y: y + 27 }, words, { ...style, colour: palette.muted, size: 11 });
}

function figureText({ figureOf }: Drawing, { part }: Placed): string {
  const { value, isAtLeast } = figureOf(part);
  return `${isAtLeast ? '≥ ' : ''}${formatBytes(value)}`;
}

/** The largest figure among the boxes that are shown closed. */
export function largestShown({ byKey }: Scene, figureOf: FigureOf): number {
  let largest = 0;
  for (const { part, isOpen } of byKey.values())
    if (!isOpen) largest = Math.max(largest, figureOf(part).value);
  return largest;
}
