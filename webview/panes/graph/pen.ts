/** The same strokes on a canvas and into an SVG file. */
import type { Point } from './layout-level.ts';
import type { Box } from './scene.ts';

export interface RectStyle {
  readonly fill?: string | undefined;
  readonly stroke?: string | undefined;
  readonly lineWidth?: number;
  readonly radius?: number;
  readonly dash?: number;
}

export interface TextStyle {
  readonly colour: string;
  readonly size: number;
  readonly isBold?: boolean;
  readonly isCentred?: boolean;
}

export interface Pen {
  rect(box: Box, style: RectStyle): void;
  /** `at`: left end (or middle) of the line of letters. */
  text(at: Point, text: string, style: TextStyle): void;
  /** Ways that are drawn alike; the same array gives the same picture, so that a pen may keep it. */
  routes(routes: readonly (readonly Point[])[], stroke: string, lineWidth: number): void;
}

/** Path data of SVG: curves through the points, an arrow head at the last. */
export function routePath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return '';
  const parts = [`M${at(first)}`];
  if (rest.length === 1) {
    const bend = (last.y - first.y) / 2;
    parts.push(
      `C${at({ x: first.x, y: first.y + bend })} ${at({ x: last.x, y: last.y - bend })} ${at(last)}`,
    );
  } else {
    rest.slice(0, -1).forEach((point, i) => {
      const next = rest[i + 1] ?? point;
      const isLast = i === rest.length - 2;
      const end = isLast ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
      parts.push(`Q${at(point)} ${at(end)}`);
    });
  }
  const { x, y } = last;
  parts.push(`M${at({ x: x - 3, y: y - 5 })}L${at(last)}L${at({ x: x + 3, y: y - 5 })}`);
  return parts.join('');
}

const at = ({ x, y }: Point): string => `${round(x)} ${round(y)}`;
export const round = (value: number): number => Math.round(value * 10) / 10;

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export class CanvasPen implements Pen {
  readonly #context: Context;
  readonly #family: string;
  static readonly #paths = new WeakMap<readonly (readonly Point[])[], Path2D>();

  constructor(context: Context, family: string) {
    this.#context = context;
    this.#family = family;
  }

  rect({ x, y, width, height }: Box, { fill, stroke, lineWidth = 1, radius = 0, dash }: RectStyle): void {
    const c = this.#context;
    c.beginPath();
    if (radius > 0) c.roundRect(x, y, width, height, radius);
    else c.rect(x, y, width, height);
    if (fill !== undefined) {
      c.fillStyle = fill;
      c.fill();
    }
    if (stroke === undefined) return;
    c.strokeStyle = stroke;
    c.lineWidth = lineWidth;
    c.setLineDash(dash === undefined ? [] : [dash, dash]);
    c.stroke();
    c.setLineDash([]);
  }

  text({ x, y }: Point, text: string, { colour, size, isBold = false, isCentred = false }: TextStyle): void {
    const c = this.#context;
    c.font = `${isBold ? '600 ' : ''}${size}px ${this.#family}`;
    c.fillStyle = colour;
    c.textAlign = isCentred ? 'center' : 'left';
    c.textBaseline = 'middle';
    c.fillText(text, x, y);
  }

  routes(routes: readonly (readonly Point[])[], stroke: string, lineWidth: number): void {
    if (routes.length === 0) return;
    const known = CanvasPen.#paths.get(routes);
    const path = known ?? new Path2D(routes.map(routePath).join(''));
    if (known === undefined) CanvasPen.#paths.set(routes, path);
    const c = this.#context;
    c.strokeStyle = stroke;
    c.lineWidth = lineWidth;
    c.stroke(path);
  }
}

export class SvgPen implements Pen {
  readonly #parts: string[] = [];

  rect({ x, y, width, height }: Box, style: RectStyle): void {
    const { fill = 'none', stroke = 'none', lineWidth = 1, radius = 0, dash } = style;
    this.#parts.push(
      `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${radius}" ` +
        `fill="${fill}" stroke="${stroke}" stroke-width="${lineWidth}"${
          dash === undefined ? '' : ` stroke-dasharray="${dash}"`
        }/>`,
    );
  }

  text({ x, y }: Point, text: string, { colour, size, isBold = false, isCentred = false }: TextStyle): void {
    this.#parts.push(
      `<text x="${round(x)}" y="${round(y)}" font-size="${size}" fill="${colour}" dominant-baseline="central"` +
        `${isBold ? ' font-weight="600"' : ''}${isCentred ? ' text-anchor="middle"' : ''}>${escapeXml(text)}</text>`,
    );
  }

  routes(routes: readonly (readonly Point[])[], stroke: string, lineWidth: number): void {
    if (routes.length === 0) return;
    const data = routes.map(routePath).join('');
    this.#parts.push(`<path d="${data}" fill="none" stroke="${stroke}" stroke-width="${lineWidth}"/>`);
  }

  /** @param title said by readers, and shown where the file is listed */
  finish({ x, y, width, height }: Box, background: string, title: string): string {
    const [w, h] = [Math.ceil(width), Math.ceil(height)];
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="${round(x)} ${round(y)} ${w} ${h}" ` +
      `font-family="system-ui, sans-serif"><title>${escapeXml(title)}</title>` +
      `<rect x="${round(x)}" y="${round(y)}" width="${w}" height="${h}" fill="${background}"/>\n${this.#parts.join('\n')}\n</svg>\n`
    );
  }
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.codePointAt(0) ?? 0};`);
}
