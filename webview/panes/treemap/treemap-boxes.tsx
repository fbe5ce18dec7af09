/** The boxes of the treemap; by keyboard they are one stop, arrows go through the layers from the largest. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { formatBytes, formatCount } from '../../../src/format.ts';
import type { LayerRow } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { sharePercent } from '../../lib/quantity.ts';
import { selectLayer } from '../../state/actions.ts';
import { cursor } from '../../state/store.ts';
import type { ShareMetric } from '../../state/view-state.ts';
import { layout } from './layout.ts';
import type { OpColours } from './op-colours.ts';
import { GroupView, LeafView, strengthOf } from './treemap-views.tsx';
import { Trail } from './trail.tsx';

export interface TreemapBoxesProps {
  readonly rows: readonly LayerRow[];
  readonly metric: ShareMetric;
  readonly path: string;
  readonly onPath: (path: string) => void;
  readonly colours: OpColours;
}

export function TreemapBoxes({ rows, metric, path, onPath, colours }: TreemapBoxesProps) {
  const root = useRef<HTMLDivElement>(null);
  const size = useSize(root);
  const placed = useMemo(() => layout(rows, metric, path, size), [rows, metric, path, size]);
  const { boxes, leaves } = placed;
  const rank = useMemo(() => new Map(leaves.map((leaf, i) => [leaf, i])), [leaves]);
  const stop = leaves.find((leaf) => leaf.row.id === cursor.value) ?? leaves[0];
  const figure = (value: number): string => (metric === 'macs' ? formatCount(value) : formatBytes(value));
  const describe = (label: string, value: number): string => {
    return `${label}: ${figure(value)} (${sharePercent(value, placed.total)})`;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = leaves.findIndex((leaf) => leaf === stop);
    const next = step === undefined ? undefined : leaves[at + step];
    if (event.key === 'Escape' && path !== '') onPath(placed.trail.at(-2)?.path ?? '');
    if (next === undefined) return;
    event.preventDefault();
    selectLayer(next.row.id);
    root.current?.querySelector<HTMLElement>(`[data-index="${leaves.indexOf(next)}"]`)?.focus();
  };
  return (
    <>
      <Trail trail={placed.trail} onPath={onPath} />
      <div class="treemap" ref={root} role="group" aria-label={t('tab.treemap')} onKeyDown={onKeyDown}>
        {boxes.map((box) =>
          box.kind === 'group' ? (
            <GroupView
              key={`g${box.path}`}
              box={box}
              title={describe(box.path, box.value)}
              onOpen={() => onPath(box.path)}
            />
          ) : (
            <LeafView
              key={box.row.id}
              box={box}
              tone={colours.toneOf(box.row.opType)}
              title={describe(`${box.row.name} · ${box.row.opType}`, box.value)}
              figure={figure(box.value)}
              strength={strengthOf(box.value, leaves[0]?.value ?? 0)}
              index={rank.get(box) ?? 0}
              isStop={box === stop}
            />
          ),
        )}
      </div>
    </>
  );
}

function useSize(root: { readonly current: HTMLElement | null }) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const element = root.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() =>
      setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}
