/** Everything that the picture depends on, gathered: read within an effect, it is drawn anew when any of it changes. */
import { computed } from '@preact/signals';
import { layers, selection, theme } from '../../state/store.ts';
import { largestShown, type Drawing, type Marks } from './draw.ts';
import { paletteOf } from './palette.ts';
import { layerKey, shownAs } from './parts.ts';
import {
  at,
  extent,
  figureOf,
  followed,
  found,
  known,
  metric,
  neighbours,
  openKeys,
  scene,
  viewport,
} from './state.ts';
import { shownBox } from './viewport.ts';
import { waysOf } from './ways.ts';

/** More frames than that say nothing. */
const mostMarks = 500;

const palette = computed(() => (theme.value >= 0 ? paletteOf(metric.value) : undefined));

export const largest = computed(() => {
  const [placed, figures] = [scene.value, figureOf.value];
  return placed === undefined || figures === undefined ? 0 : largestShown(placed, figures);
});

const changed = computed<ReadonlySet<string>>(
  () => new Set(layers.value.filter((l) => l.change?.status === 'applied').map((l) => l.id)),
);

const marks = computed<Marks>(() => {
  const [state, placed, open] = [known.value, scene.value, openKeys.value];
  if (state === undefined || placed === undefined)
    return { chosen: new Set(), at: undefined, found: new Set(), ways: [], isFollowed: false };
  const shown = (key: string | undefined): string | undefined => {
    const part = state.graph.byKey.get(key ?? '');
    return part && shownAs(part, open).key;
  };
  const chosen = [...selection.value].slice(0, mostMarks).map((id) => shown(layerKey(id)));
  const tensor = followed.value;
  const { incoming, outgoing } = neighbours.value;
  const tensors = tensor === undefined ? [...incoming, ...outgoing].map((n) => n.index) : [tensor];
  return {
    chosen: new Set(chosen.filter((key) => key !== undefined)),
    at: shown(at.value),
    found: new Set(found.value.slice(0, mostMarks).map((part) => shownAs(part, open).key)),
    ways: waysOf(tensors, state, placed, open),
    isFollowed: tensor !== undefined,
  };
});

export function currentDrawing(): Drawing | undefined {
  const [placed, figures, colours] = [scene.value, figureOf.value, palette.value];
  if (placed === undefined || figures === undefined || colours === undefined) return undefined;
  return {
    scene: placed,
    palette: colours,
    figureOf: figures,
    largest: largest.value,
    clip: shownBox(viewport.value, extent.value),
    scale: viewport.value.scale,
    changed: changed.value,
    marks: marks.value,
  };
}
