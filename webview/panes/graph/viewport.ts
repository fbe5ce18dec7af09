/** Which part of the plane the canvas shows. */
import type { Point } from './layout-level.ts';
import type { Box } from './scene.ts';

export interface Viewport {
  /** The plane's point at the canvas's upper left corner. */
  readonly x: number;
  readonly y: number;
  /** Canvas pixels per unit of the plane. */
  readonly scale: number;
}

export interface Extent {
  readonly width: number;
  readonly height: number;
}

const scales = { least: 0.02, most: 3 } as const;
const margin = 16;

export const toPlane = (v: Viewport, { x, y }: Point): Point => ({
  x: v.x + x / v.scale,
  y: v.y + y / v.scale,
});

export const shownBox = (v: Viewport, { width, height }: Extent): Box => ({
  x: v.x,
  y: v.y,
  width: width / v.scale,
  height: height / v.scale,
});

/** Zooms so that the point of the canvas stays over the same point of the plane. */
export function zoomAt(v: Viewport, at: Point, factor: number): Viewport {
  const scale = Math.min(scales.most, Math.max(scales.least, v.scale * factor));
  const fixed = toPlane(v, at);
  return { scale, x: fixed.x - at.x / scale, y: fixed.y - at.y / scale };
}

export const panBy = (v: Viewport, dx: number, dy: number): Viewport => ({
  ...v,
  x: v.x - dx / v.scale,
  y: v.y - dy / v.scale,
});

/** All of the box, as large as there is room, at most at 100 %. */
export function fit(box: Box, { width, height }: Extent): Viewport {
  const wanted = Math.min((width - 2 * margin) / box.width, (height - 2 * margin) / box.height, 1);
  const scale = Math.max(scales.least, Number.isFinite(wanted) ? wanted : 1);
  return {
    scale,
    x: box.x + box.width / 2 - width / scale / 2,
    y: box.y + box.height / 2 - height / scale / 2,
  };
}

const legibleScale = 0.75;

/** All of a small graph; of a larger one the top, legible, with what comes first in the middle. */
export function fitStart(box: Box, first: Box, extent: Extent): Viewport {
  const whole = fit(box, extent);
  if (whole.scale >= legibleScale) return whole;
  const wanted = Math.min((extent.width - 2 * margin) / box.width, 1);
  const scale = Math.max(legibleScale, wanted);
  const middle = wanted >= legibleScale ? box : first;
  const x = middle.x + middle.width / 2 - extent.width / scale / 2;
  return { scale, x, y: first.y - margin / scale };
}

/** Moved as little as needed for the box to be seen; to its middle where it was out of sight. */
export function reveal(v: Viewport, box: Box, extent: Extent): Viewport {
  const shown = shownBox(v, extent);
  const isInside =
    box.x >= shown.x &&
    box.y >= shown.y &&
    box.x + box.width <= shown.x + shown.width &&
    box.y + box.height <= shown.y + shown.height;
  if (isInside) return v;
  const scale = v.scale < 0.5 ? 0.8 : v.scale;
  return {
    scale,
    x: box.x + Math.min(box.width, extent.width / scale) / 2 - extent.width / scale / 2,
    y: box.y + Math.min(box.height, extent.height / scale) / 2 - extent.height / scale / 2,
  };
}
