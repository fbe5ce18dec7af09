/** The canvas: drawn anew in the next frame after anything it shows changed; pointer and keys. */
import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../../l10n/index.ts';
import { choose, closeAll, fitAll, followCursor, goTo, move, toggle, zoom } from './actions.ts';
import { describePart } from './describe.ts';
import { draw } from './draw.ts';
import { currentDrawing } from './drawing.ts';
import { CanvasPen } from './pen.ts';
import { hit, type Placed } from './scene.ts';
import { at, extent, followed, known, neighbours, partAt, scene, viewport } from './state.ts';
import { panBy, toPlane, zoomAt } from './viewport.ts';

export function GraphCanvas() {
  const root = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => (root.current === null ? undefined : watchSize(root.current)), []);
  useEffect(() => (canvas.current === null ? undefined : keepDrawn(canvas.current)), []);
  useEffect(() => effect(followCursor), []);
  return (
    <div
      class="graph-view"
      ref={root}
      role="application"
      tabIndex={0}
      aria-label={t('graph.label')}
      aria-describedby="graph-keys"
      onKeyDown={onKey}
      onPointerDown={onPointerDown}
      onPointerMove={onHover}
      onDblClick={(event) => {
        const target = partUnder(event);
        if (target !== undefined) toggle(target.part);
      }}
      onWheel={onWheel}
    >
      <canvas ref={canvas} aria-hidden="true" />
      <p id="graph-keys" class="sr-only">
        {t('graph.keys')}
      </p>
      <p class="sr-only" role="status">
        <Spoken />
      </p>
    </div>
  );
}

function Spoken() {
  const [state, part] = [known.value, partAt.value];
  if (state === undefined || part === undefined) return null;
  const { incoming, outgoing } = neighbours.value;
  const isOpen = scene.value?.byKey.get(part.key)?.isOpen === true;
  const openText = part.children.length === 0 ? '' : ` ${isOpen ? t('graph.isOpen') : t('graph.isClosed')}`;
  return (
    <>
      {describePart(state.view, part)}. {t('graph.ends', { ins: incoming.length, outs: outgoing.length })}
      {openText}
    </>
  );
}

function watchSize(element: HTMLElement): () => void {
  const observer = new ResizeObserver(() => {
    extent.value = { width: element.clientWidth, height: element.clientHeight };
  });
  observer.observe(element);
  return () => observer.disconnect();
}

/** Draws in the next frame, however much changes before it. */
function keepDrawn(canvas: HTMLCanvasElement): () => void {
  let frame = 0;
  const context = canvas.getContext('2d');
  const family = getComputedStyle(document.body).fontFamily;
  const paint = (): void => {
    frame = 0;
    const drawing = currentDrawing();
    if (context === null || drawing === undefined) return;
    const { width, height } = extent.peek();
    const dense = window.devicePixelRatio;
    const [w, h] = [Math.round(width * dense), Math.round(height * dense)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    const { x, y, scale } = viewport.peek();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, w, h);
    context.setTransform(scale * dense, 0, 0, scale * dense, -x * scale * dense, -y * scale * dense);
    draw(new CanvasPen(context, family), drawing);
  };
  const stop = effect(() => {
    currentDrawing();
    if (frame === 0) frame = requestAnimationFrame(paint);
  });
  return () => {
    stop();
    cancelAnimationFrame(frame);
  };
}

function pointOf(event: MouseEvent): { readonly x: number; readonly y: number } {
  const element = event.currentTarget;
  const { left, top } = element instanceof Element ? element.getBoundingClientRect() : { left: 0, top: 0 };
  return { x: event.clientX - left, y: event.clientY - top };
}

function partUnder(event: MouseEvent): Placed | undefined {
  const shown = scene.peek();
  return shown && hit(shown, toPlane(viewport.peek(), pointOf(event)));
}

/** Fewer pixels are a click, not a drag. */
const dragStart = 4;

function onPointerDown(event: PointerEvent): void {
  const element = event.currentTarget;
  if (event.button > 1 || !(element instanceof HTMLElement)) return;
  const target = partUnder(event);
  const start = { x: event.clientX, y: event.clientY, view: viewport.peek() };
  let isDragging = false;
  element.setPointerCapture(event.pointerId);
  const onMove = (e: PointerEvent): void => {
    const [dx, dy] = [e.clientX - start.x, e.clientY - start.y];
    isDragging ||= Math.hypot(dx, dy) >= dragStart;
    if (isDragging) viewport.value = panBy(start.view, dx, dy);
    element.classList.toggle('dragging', isDragging);
  };
  const onUp = (): void => {
    element.removeEventListener('pointermove', onMove);
    element.classList.remove('dragging');
    if (isDragging) return;
    if (target !== undefined) choose(target.part);
    else at.value = undefined;
  };
  element.addEventListener('pointermove', onMove);
  element.addEventListener('lostpointercapture', onUp, { once: true });
}

function onHover(event: PointerEvent): void {
  const element = event.currentTarget;
  const state = known.peek();
  if (!(element instanceof HTMLElement) || state === undefined || event.buttons !== 0) return;
  const part = partUnder(event)?.part;
  element.title = part === undefined ? '' : describePart(state.view, part);
}

/** As in VS Code's image and diagram views: the wheel moves, with Ctrl (or a pinch) it zooms. */
function onWheel(event: WheelEvent): void {
  event.preventDefault();
  const v = viewport.peek();
  if (event.ctrlKey || event.metaKey) {
    viewport.value = zoomAt(v, pointOf(event), Math.exp(-event.deltaY / 240));
    return;
  }
  const [dx, dy] = event.shiftKey && event.deltaX === 0 ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
  viewport.value = panBy(v, -dx, -dy);
}

const zoomStep = 1.25;

const keys: Readonly<Record<string, () => void>> = {
  ArrowDown: () => move('out'),
  ArrowUp: () => move('in'),
  ArrowLeft: () => move('previous'),
  ArrowRight: () => move('next'),
  Home: () => move('first'),
  End: () => move('last'),
  Enter: () => withPartAt(toggle),
  ' ': () => withPartAt(goTo),
  Escape: () => {
    if (followed.peek() === undefined) move('parent');
    else followed.value = undefined;
  },
  '+': () => zoom(zoomStep),
  '=': () => zoom(zoomStep),
  '-': () => zoom(1 / zoomStep),
  '0': fitAll,
  Backspace: closeAll,
};

function withPartAt(act: (part: Placed['part']) => void): void {
  const part = partAt.peek();
  if (part !== undefined) act(part);
}

function onKey(event: KeyboardEvent): void {
  const act = keys[event.key];
  if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
}
